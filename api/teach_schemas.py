"""The shapes of what HTTP says of taught tags."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Numbers = Annotated[list[Number], Field(max_length=10_000)]


class TeachIn(BaseModel):
    """Pictures that have the tag, that don't, and whose labels are to be dropped; all may be left out."""

    model_config = ConfigDict(extra="forbid")

    yes: Numbers = []
    no: Numbers = []
    forget: Numbers = []


class Likely(BaseModel):
    """A picture that nobody labelled, and the probability that it has the tag."""

    id: int
    probability: float


class TaughtOut(BaseModel):
    """How a taught tag stands. `pictures` have it, `threshold` is the probability from which they get it; `precision`
    is the share of those that nobody labelled which is expected to be right, null where there are none; `next` are the
    pictures to label next, most useful first."""

    tag: str
    yes: list[int]
    no: list[int]
    pictures: int
    precision: float | None
    threshold: float
    best: list[Likely]
    next: list[int]
    took_ms: float
