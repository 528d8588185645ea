"""What an operation is: a name, parameters with ranges, the methods that can do it, and what it costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from indexer.errors import UsageError
from search.lineage import GENERATED
from tuner.raster import Raster
from tuner.work import Work

Task = Literal["enhance", "repair", "style", "compose", "generate"]
Source = Literal[
    "algorithmicallyEnhanced", "compositeCapture", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"
]
"""IPTC's names for how a picture came to be (Digital Source Type NewsCodes)."""


class Parameters(BaseModel):
    """Base of every operation's parameters: unknown names are refused, values never change.

    Every field has a default, a description that says its unit, and a range where it is a number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def number_or_auto(low: float, high: float) -> Callable[[object], object]:
    """A validator for parameters that are a number of a range or `auto`: one message, where a union has two."""

    def read(value: object) -> object:
        if value == "auto":
            return value
        try:
            number = float(str(value))
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ValueError(f"it is auto or a number from {low:g} to {high:g}")
        return number

    return read


@dataclass(frozen=True, slots=True)
class Method:
    """One way to do an operation, classical or by a model."""

    name: str
    summary: str
    """What it is, with the paper or library it comes from."""
    seconds: float
    """For a megapixel on two cores of a server CPU of 2023, with default parameters."""
    memory: int
    """Bytes for each pixel that is processed at once, at the peak, beside the picture itself (16 a pixel)."""
    model: str | None = None
    """The model of `pixloom models` that has to be here; None where it needs none, or one that ships."""
    source: Source | None = None
    """How outcomes count as to provenance, where that isn't the operation's own."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be made from a picture."""

    name: str
    summary: str
    task: Task
    parameters: type[Parameters]
    apply: Callable[[Raster, Any, Work], Raster]
    """(picture, parameters, work) -> outcome of the same size (unless `resizes`), depth, and alpha where it had some.

    Deterministic for one seed. Raises PixloomErrors only: UsageError for parameters that don't fit this picture,
    TuneError where no outcome is possible, StoppedError by way of `work.step`."""
    methods: tuple[Method, ...]
    """Best first: `auto` takes the first whose model is here. The parameter `method` chooses, if there are several."""
    source: Source = "algorithmicallyEnhanced"
    """How outcomes count as to provenance."""
    tiles: bool = True
    """Whether memory is bounded by `work.tile` and not by the size of the picture."""
    resizes: bool = False
    needs: tuple[str, ...] = ()
    """Parameters that may not be left empty."""
    from_nothing: bool = False
    """Whether it takes no picture at all: outcomes have no parent."""
    gathers: str | None = None
    """The parameter that takes further pictures, where one outcome is made from several."""
    references: tuple[str, ...] = ()
    """Parameters that name pictures or masks: `12`, `#12`, or a file."""
    files: tuple[str, ...] = ()
    """Parameters that name other files of this machine, such as weights: never taken over the network."""
    models: tuple[str, ...] = ()
    """Parameters that name a model: of the table, of the hub, or by a path, which is never taken over the network."""

    @property
    def generates(self) -> bool:
        """Whether outcomes differ by their seed, so that there may be several candidates."""
        return self.source in GENERATED

    def resolve(self, parameters: Parameters, work: Work) -> Method:
        """The method that will be used: the one asked for, or the first whose model is here.

        UsageError for one that doesn't exist or whose model isn't here, with the command that fetches it.
        """
        wanted = getattr(parameters, "method", "auto")
        if wanted == "auto":
            return next(one for one in self.methods if one.model is None or work.model(one.model) is not None)
        found = next((one for one in self.methods if one.name == wanted), None)
        if found is None:
            known = ", ".join(one.name for one in self.methods)
            raise UsageError(f"{self.name} has no method {wanted!r}. Valid: auto, {known}.")
        if found.model is not None and work.model(found.model) is None:
            raise UsageError(f"The method {wanted} needs a model: `pixloom models pull {found.model}`.")
        return found
