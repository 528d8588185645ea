"""The collection as taste looks at it: a snapshot, its rows by picture, and how alike pictures are at large."""

from dataclasses import dataclass, field

import numpy as np

from indexer.types import Floats, Ids
from search.snapshot import Snapshot

ALIKE = 3.0
"""Deviations above the usual cosine from which two pictures, or two groups of them, are alike."""
UNLIKE = 2.0
"""Those up to which they are not."""
_PAIRS = 700
"""Pictures of the sample that are compared with each other."""
_BELOW = 0.1587
"""The quantile one standard deviation below the median of a normal distribution."""


@dataclass(frozen=True, slots=True)
class View:
    """One snapshot; nothing in it ever changes."""

    snapshot: Snapshot
    alive: Ids
    """Rows that may be found, ascending."""
    middling: float
    """The median cosine of pairs of different pictures at large."""
    spread: float
    """A deviation from it, downwards."""
    _order: Ids = field(repr=False)
    """Rows by ascending picture id."""
    _sorted: Ids = field(repr=False)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "View":
        """From a snapshot of at least one picture."""
        order = np.argsort(snapshot.ids, kind="stable")
        alive = np.arange(len(snapshot.ids)) if snapshot.alive is None else snapshot.alive
        return cls(snapshot, alive, *_usual(snapshot.sample), order, snapshot.ids[order])

    def rows(self, ids: Ids) -> Ids:
        """The row of each picture [n]; -1 for those that can't be found now."""
        places = np.searchsorted(self._sorted, ids)
        places = np.minimum(places, len(self._sorted) - 1)
        rows = np.where(self._sorted[places] == ids, self._order[places], -1)
        return np.where(self.living(rows), rows, -1)

    def living(self, rows: Ids) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of these rows [n] may be found; -1 may not."""
        places = np.minimum(np.searchsorted(self.alive, rows), len(self.alive) - 1)
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.alive[places] == rows
        return found

    def vectors(self, rows: Ids) -> Floats:
        """Unit-norm vectors [n, dimension] in memory."""
        return np.array(self.snapshot.vectors[rows])

    def middle(self) -> list[int]:
        """The picture that as many came in before as after, as a list of one."""
        living = np.sort(self.snapshot.ids[self.alive])
        return [int(living[len(living) // 2])]

    def level(self, deviations: float) -> float:
        """The cosine that lies so many deviations above that of most pairs of pictures at large; at most .98."""
        return min(self.middling + deviations * self.spread, 0.98)


def _usual(sample: Floats) -> tuple[float, float]:
    """The median cosine of pairs, and its deviation downwards: upwards it would be that of pictures that are alike,
    of which a collection may have few or many."""
    some = sample[:: max(1, len(sample) // _PAIRS)][:_PAIRS]
    cosines = (some @ some.T)[np.triu_indices(len(some), 1)]
    if not len(cosines):
        return 0.0, 0.0
    middling, below = np.quantile(cosines, (0.5, _BELOW))
    return float(middling), float(middling - below)
