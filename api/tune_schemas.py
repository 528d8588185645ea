"""The shapes of what HTTP says of operations, previews and edits."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from api.schemas import Fields
from tuner.edits import Edit


class MethodOut(BaseModel):
    """One way to do an operation; `used` marks the one that is taken now."""

    name: str
    summary: str
    model: str | None
    here: bool
    used: bool
    seconds_per_megapixel: float


class EstimateOut(BaseModel):
    """What an operation would take for a picture: seconds, and bytes at the peak; `tile` is the side in pixels of what
    is processed at once."""

    seconds: float
    memory: int
    method: str
    tile: int


class OperationOut(BaseModel):
    """An operation; `parameters` are JSON schemas with a name, in the order of a form."""

    name: str
    summary: str
    task: str
    parameters: list[dict[str, Any]]
    methods: list[MethodOut]
    gathers: str | None
    references: list[str]
    resizes: bool
    estimate: EstimateOut | None


class Operations(BaseModel):
    """All of them."""

    operations: list[OperationOut]


class SourceOut(BaseModel):
    """A picture that an outcome was made from: `parent`, `part`, or `reference`."""

    id: int
    role: str


class EditOut(Fields):
    """How a picture was made by an operation; `cosine` and `ssim` say how far it is from its parent."""

    id: int
    parent: int | None
    operation: str
    parameters: dict[str, Any]
    method: str | None
    model: str | None
    model_hash: str | None
    seed: int
    version: str
    created_at: datetime
    source_type: str
    sources: list[SourceOut]
    job: int | None
    owner: str | None
    cosine: float | None
    ssim: float | None

    @classmethod
    def of(cls, edit: Edit) -> "EditOut":
        """Of an edit in the catalogue."""
        values = {name: getattr(edit, name) for name in cls.model_fields if name != "sources"}
        return cls(**values, sources=[SourceOut(id=id, role=role) for id, role in edit.sources])


class Edits(BaseModel):
    """The edits of a picture, newest first; how it was made itself, if it was; and the line of pictures from it back to
    the original, which is the last."""

    picture: int
    original: int
    line: list[int]
    made: EditOut | None
    edits: list[EditOut]
