"""The shapes of what HTTP says of models, and of changes from one to another."""

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MAX_QUERY
from api.schemas import Failure, Fields, Problem
from api.switching import State


class ModelOut(Fields):
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
    restrictions: str
    modes: list[str]
    steps: int | None
    guidance: float | None
    side: int | None
    family: str
    condition: str
    note: str
    notice: str | None
    facts: list[str]
    unverified: list[str]
    here: Literal["yes", "no", "partly", "damaged"]
    accepted: bool
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
    error: Problem | None = None

    @classmethod
    def of(cls, state: State) -> "SwitchOut":
        """From a server's own state."""
        progress = asdict(state.progress) if state.progress else {}
        outcome = state.outcome.as_dict() if state.outcome else {}
        taken = {name: outcome[name] for name in ("switched", "failed", "comparison") if name in outcome}
        return cls.model_validate({"state": state.state, "name": state.name, "error": state.error, **progress, **taken})
