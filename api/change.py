"""A change of models as both ways in make it: the new index is built, compared with the old, and takes its place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from indexer.collection import Collection
from indexer.errors import PixloomError
from indexer.switch import Switch, require_previous
from indexer.types import OnProgress, Report
from search.compare import Comparison, compare

Begin = Callable[[OnProgress | None], Switch]
"""Begins a change, which may take as long as loading a model does."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change. `switched` is false where it was stopped, or nothing was to be done."""

    encoder: str
    """The one that was changed to."""
    previous: str | None
    """The one that answered before."""
    switched: bool
    report: Report
    comparison: Comparison | None = None
    uncompared: str | None = None
    """Why the two can't be compared, where that is so."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: getattr(self.report, name) for name in ("embedded", "projected", "interrupted")}
        failed = [{"path": str(path), "reason": reason} for path, reason in self.report.failed]
        compared = self.comparison.as_dict() if self.comparison else None
        names = {"encoder": self.encoder, "previous": self.previous, "switched": self.switched}
        return {**names, **counts, "failed": failed, "comparison": compared, "uncompared": self.uncompared}


def change(
    collection: Collection,
    begin: Begin,
    *,
    comparing: bool = True,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Make the change that `begin` gives, within `collection.switching()`."""
    switch = begin(on_progress)
    old, comparison, uncompared, switched = switch.old, None, None, False
    if switch.needed and switch.build(on_progress, should_stop):
        if comparing and old is not None:
            try:
                comparison = compare(collection, old, switch.index, on_progress=on_progress, should_stop=should_stop)
            except PixloomError as error:  # it is there to inform, not to stand in the way
                uncompared = str(error)
        switched = switch.swap(on_progress, should_stop)
    previous = old.encoder if old else None
    return Outcome(switch.encoder.name, previous, switched, switch.report, comparison, uncompared)


def to_model(collection: Collection, name: str) -> Begin:
    """What begins a change to the model of that name."""
    return lambda on_progress: Switch.to(collection, name, on_progress)


def to_previous(collection: Collection) -> Begin:
    """What begins the change back; UsageError where there is nothing to go back to."""
    require_previous(collection)
    return lambda on_progress: Switch.back(collection, on_progress)
