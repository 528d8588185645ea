"""The collection as taste looks at it: a snapshot, its rows by picture, and how alike pictures are at large."""

from dataclasses import dataclass, field

import numpy as np

from indexer.types import Floats, Ids
from search.metrics import Flags
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
    living: Flags = field(repr=False)
    """For each row, whether it may be found."""
    _rows: Ids = field(repr=False)
    """The row of each picture by its id, -1 where it has none: ids are handed out one after the other."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "View":
        """From a snapshot of at least one picture."""
        alive = np.arange(len(snapshot.ids)) if snapshot.alive is None else snapshot.alive
        rows = np.full(int(snapshot.ids.max()) + 1, -1, np.int64)
        rows[snapshot.ids] = np.arange(len(snapshot.ids))
        living = np.zeros(len(snapshot.ids), np.bool_)
        living[alive] = True
        return cls(snapshot, alive, *_usual(snapshot.sample), living, rows)

    def rows(self, ids: Ids, *, living: bool = True) -> Ids:
        """The row of each picture [n]; -1 for those that can't be found now, unless also others than `living` ones
        are wanted, and for those that have no vector here."""
        known = (ids >= 0) & (ids < len(self._rows))
        rows = np.where(known, self._rows[np.where(known, ids, 0)], -1)
        return np.where(self.living[rows] & (rows >= 0), rows, -1) if living else rows

    def flags(self, ids: Ids) -> Flags:
        """For each row of the snapshot, whether it is among these pictures [n]."""
        flags = np.zeros(len(self.snapshot.ids), np.bool_)
        rows = self.rows(ids)
        flags[rows[rows >= 0]] = True
        return flags

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
