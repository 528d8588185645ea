"""The shapes of what HTTP gives and takes."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MAX_QUERY
from api.switching import State


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


class BoxOut(_Answer):
    """A named part of a picture: x, y, width, height in its pixels."""

    name: str
    box: tuple[float, float, float, float]
    supercategory: str | None


class SourceOut(_Answer):
    """A data set that names a picture, and the part of it that the picture is in."""

    format: str
    path: str
    split: str | None


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
    labels: list[str]
    attributes: dict[str, bool | float | str]
    boxes: list[BoxOut]
    sources: list[SourceOut]


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


class ModelOut(_Answer):
    """Facts about a model; sizes in bytes, `unverified` names the fields that are estimates."""

    name: str
    task: str
    licence: str
    commercial: bool
    size: int
    memory: int | None
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


class SwitchIn(BaseModel):
    """The model to change to."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=MAX_QUERY)


class SideOut(BaseModel):
    """What one index costs: sizes in bytes, the median time of a query in milliseconds."""

    encoder: str
    dimension: int
    vectors: int
    latency_ms: float | None
    index_bytes: int
    model_bytes: int | None
    memory_bytes: int


class ComparedOut(BaseModel):
    """One query, asked of both indexes."""

    query: str
    origin: str
    overlap: float = Field(alias="overlap@10")
    old_ms: float
    new_ms: float


class ComparisonOut(BaseModel):
    """Old index against new, on the user's recent queries; `overlap@10` is the mean share of pictures in common."""

    old: SideOut
    new: SideOut
    overlap: float | None = Field(alias="overlap@10")
    queries: list[ComparedOut]
    skipped: int


class SwitchOut(BaseModel):
    """A change of models: what it is at, how far, and, once it has ended, what became of it. `eta` in seconds."""

    state: Literal["idle", "running", "done", "stopped", "failed"]
    name: str | None
    stage: str | None = None
    done: int | None = None
    total: int | None = None
    rate: float | None = None
    eta: float | None = None
    switched: bool = False
    failed: list[Failure] = []
    comparison: ComparisonOut | None = None
    error: "Problem | None" = None

    @classmethod
    def of(cls, state: State) -> "SwitchOut":
        """From a server's own state."""
        progress = asdict(state.progress) if state.progress else {}
        outcome = state.outcome.as_dict() if state.outcome else {}
        taken = {name: outcome[name] for name in ("switched", "failed", "comparison") if name in outcome}
        return cls.model_validate({"state": state.state, "name": state.name, "error": state.error, **progress, **taken})


class Health(BaseModel):
    """The answer of a probe."""

    status: Literal["ok"]


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
