"""The shapes of what HTTP says of operations, previews and edits."""

from typing import Any

from pydantic import BaseModel


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
