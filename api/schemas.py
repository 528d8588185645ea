"""The shapes of what HTTP gives and takes."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MAX_QUERY


class _Answer(BaseModel):
    """Read from our own dataclasses."""

    model_config = ConfigDict(from_attributes=True)


class Found(_Answer):
    """One picture found; `percentile` in 0..1 is its place among the scores of the collection."""

    id: int
    path: str
    score: float
    percentile: float
    verdict: Literal["strong", "weak", "no match"]
    tags: list[str]
    parent: int | None


class Answer(_Answer):
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


class Question(BaseModel):
    """A query as a line, or as terms."""

    model_config = ConfigDict(extra="forbid")

    query: str | None = Field(None, max_length=MAX_QUERY)
    terms: list[TermIn] | None = Field(None, max_length=100)
    k: int = 20
    all: bool = False


class CaptionOut(_Answer):
    """A sentence about a picture."""

    text: str
    language: str


class PictureOut(_Answer):
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


class PictureRef(BaseModel):
    """A picture in a list."""

    id: int
    path: str


class Page(BaseModel):
    """Pictures, newest first; `next` is the `before` of the page that follows, null at the end."""

    pictures: list[PictureRef]
    next: int | None


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


class Status(BaseModel):
    """What the collection holds: counts of files unless named otherwise."""

    encoder: str | None
    folders: list[str]
    pictures: int
    files: int
    failed: list[Failure]
    ignored: int
    pending: int
    index: IndexOut
    jobs: dict[str, int]
    version: str


class ModelOut(_Answer):
    """Facts about a model; sizes in bytes, `unverified` names the fields that are estimates."""

    name: str
    task: str
    licence: str
    commercial: bool
    size: int
    memory: int | None
    half: bool
    speed: str
    languages: str
    origin: str
    source: str
    files: list[str]
    beside: list[str]
    sha256: str | None
    dimension: int | None
    figure: float | None
    measure: str
    used_by: str
    note: str
    notice: str | None
    facts: list[str]
    unverified: list[str]
    here: Literal["yes", "no", "partly", "damaged"]
    active: bool


class Models(BaseModel):
    """The models that are known."""

    models: list[ModelOut]


class Health(BaseModel):
    """The answer of a probe."""

    status: Literal["ok"]


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
