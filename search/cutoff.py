"""Whether a score means anything: compared with the scores that the same query gives to the collection
at large, so that it holds for any encoder and needs no fixed threshold."""

from dataclasses import dataclass

import numpy as np

from indexer.types import Floats

SAMPLE = 4096
"""Vectors that stand for the collection; the whole of it where it is no larger."""
STRONG, WEAK = 3.0, 0.0
"""Standard deviations above the collection's mean score from which a picture counts as a strong or
weak match. A first, cautious choice: it only leaves out what lies below the average."""
SMALLEST = 50
"""In a collection smaller than this the average says little: nothing is left out."""


@dataclass(frozen=True, slots=True)
class Background:
    """The scores of a sample of the collection for one query, ascending; `total` is its true size."""

    scores: Floats
    total: int

    @classmethod
    def of(cls, scores: Floats, total: int) -> "Background":
        """From scores [n] in any order."""
        return cls(np.sort(scores), total)

    def percentile(self, scores: Floats) -> Floats:
        """The share of the sample in 0..1 that scores lower or the same, for each of [n]."""
        return np.asarray(np.searchsorted(self.scores, scores, side="right") / max(len(self.scores), 1))

    def verdicts(self, scores: Floats) -> list[str]:
        """'strong', 'weak' or 'no match' for each of [n]."""
        mean, deviation = float(self.scores.mean()), float(self.scores.std()) + 1e-9
        z = (scores - mean) / deviation
        return ["strong" if value >= STRONG else "weak" if self._matches(value) else "no match" for value in z]

    def matches(self) -> int:
        """How many pictures of the collection count as a match (an estimate where it was sampled)."""
        if len(self.scores) == 0:
            return 0
        kept = sum(verdict != "no match" for verdict in self.verdicts(self.scores))
        return round(kept / len(self.scores) * self.total)

    def _matches(self, z: float) -> bool:
        return z >= WEAK or self.total < SMALLEST
