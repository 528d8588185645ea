"""The shapes of what HTTP gives and takes."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MAX_NAME, MAX_QUERY


class Fields(BaseModel):
    """Read from our own dataclasses."""

    model_config = ConfigDict(from_attributes=True)


class Found(Fields):
    """One picture found; `percentile` in 0..1 is its place among the scores of the collection."""

    id: int
    path: str
    score: float
    percentile: float
    verdict: Literal["strong", "weak", "no match"]
    tags: list[str]
    parent: int | None


class Answer(Fields):
    """An answer, best first; `notice` is for the user to see."""

    query: str
    encoder: str | None
    notice: str | None
    took_ms: float
    total: int
    results: list[Found]


class TermIn(BaseModel):
    """A part of a query: a text, a picture of the collection by id or file, or a box of it in pixels."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, max_length=MAX_QUERY)
    picture: int | None = None
    file: str | None = Field(None, max_length=MAX_QUERY)
    box: tuple[int, int, int, int] | None = None
    weight: float = 1.0


class FilterIn(BaseModel):
    """A condition: what a picture must have, or with `not` must not have."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    field: str = Field(max_length=32)
    value: str = Field(max_length=MAX_QUERY)
    op: str = Field(":", max_length=2)
    negative: bool = Field(False, alias="not")


class Question(BaseModel):
    """A query as a line, or as terms and filters."""

    model_config = ConfigDict(extra="forbid")

    query: str | None = Field(None, max_length=MAX_QUERY)
    terms: list[TermIn] | None = Field(None, max_length=100)
    filters: list[FilterIn] | None = Field(None, max_length=100)
    k: int = 20
    all: bool = False
    user: str | None = Field(None, max_length=MAX_NAME)


class CaptionOut(Fields):
    """A sentence about a picture."""

    text: str
    language: str


class BoxOut(Fields):
    """A named part of a picture: x, y, width, height in its pixels."""

    name: str
    box: tuple[float, float, float, float]
    supercategory: str | None


class SourceOut(Fields):
    """A data set that names a picture, and the part of it that the picture is in."""

    format: str
    path: str
    split: str | None


class PictureOut(Fields):
    """Everything known of one picture; colours are ('#rrggbb', share in 0..1)."""

    id: int
    hash: str
    path: str
    paths: list[str]
    bytes: int
    width: int
    height: int
    format: str
    captured_at: datetime | None
    camera: str | None
    lens: str | None
    latitude: float | None
    longitude: float | None
    rating: int | None
    title: str | None
    description: str | None
    colours: list[tuple[str, float]]
    keywords: list[str]
    captions: list[CaptionOut]
    labels: list[str]
    attributes: dict[str, bool | float | str]
    boxes: list[BoxOut]
    sources: list[SourceOut]


class PictureRef(BaseModel):
    """A picture in a list, with the names of its surest tags."""

    id: int
    path: str
    tags: list[str]


class Page(BaseModel):
    """Pictures, newest first; `next` is the `before` of the page that follows, null at the end."""

    pictures: list[PictureRef]
    next: int | None


class MemoryOut(Fields):
    """A picture of a day; it lies `days` from the one asked about, and `alike` are versions folded into it."""

    id: int
    path: str
    captured_at: datetime
    days: int
    alike: list[int]


class YearOut(Fields):
    """The pictures of one year, best and most varied first; `total` counts all of them."""

    year: int
    ago: int
    total: int
    pictures: list[MemoryOut]


class OnThisDayOut(Fields):
    """Pictures of one day of earlier years, newest year first."""

    day: date
    took_ms: float
    years: list[YearOut]


class Upload(BaseModel):
    """What became of one file: its picture's id, or the reason why it isn't one."""

    name: str
    id: int | None = None
    new: bool = False
    reason: str | None = None


class Uploads(BaseModel):
    """What became of the files of one request, in their order."""

    pictures: list[Upload]


class Failure(BaseModel):
    """A file that can't be read."""

    path: str
    reason: str


class IndexOut(BaseModel):
    """The vectors that answer."""

    kind: str | None
    dimension: int | None
    vectors: int
    bytes: int


class ImportOut(BaseModel):
    """A data set that was imported, and how many pictures it names."""

    format: str
    path: str
    imported_at: datetime
    pictures: int


class Building(BaseModel):
    """The index that a change of models was begun to: its pictures, of all that can be found."""

    encoder: str
    pictures: int
    of: int


class Status(BaseModel):
    """What the collection holds: counts of files unless named otherwise."""

    encoder: str | None
    previous: str | None
    building: Building | None
    folders: list[str]
    sources: list[ImportOut]
    pictures: int
    files: int
    failed: list[Failure]
    ignored: int
    pending: int
    index: IndexOut
    jobs: dict[str, int]
    version: str


class Health(BaseModel):
    """The answer of a probe."""

    status: Literal["ok"]


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
