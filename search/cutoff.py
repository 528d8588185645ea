"""Whether a score means anything: compared with the scores that the same query gives to the collection
at large, so that it holds for any encoder and needs no fixed threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats

SAMPLE = 2048
"""Vectors that stand for the collection; the whole of it where it is no larger."""
STRONG, WEAK = 3.0, 0.0
"""Standard deviations above the collection's mean score from which a picture counts as a strong or
weak match. A first, cautious choice: it only leaves out what lies below the average."""
SMALLEST = 50
"""In a collection smaller than this the average says little: nothing is left out."""


@dataclass(frozen=True, slots=True)
class Background:
    """The scores of a sample of the collection for one query, ascending and at least one; `total` is its size."""

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
        z = self._deviations(scores)
        return ["strong" if value >= STRONG else "weak" if value >= self._weak() else "no match" for value in z]

    def matches(self) -> int:
        """How many pictures of the collection count as a match (an estimate where it was sampled)."""
        return round(float(self.matching(self.scores).mean()) * self.total)

    def matching(self, scores: Floats) -> NDArray[np.bool_]:
        """Which of [n] scores count as a match."""
        return np.asarray(self._deviations(scores) >= self._weak())

    def _deviations(self, scores: Floats) -> Floats:
        """How many standard deviations each score lies above the mean."""
        return np.asarray((scores - self.scores.mean()) / (self.scores.std() + 1e-9))

    def _weak(self) -> float:
        return WEAK if self.total >= SMALLEST else -np.inf
