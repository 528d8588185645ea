"""From a probe's score to the probability that the tag fits.

The scores of the unlabelled pictures are a mixture. Pictures with the tag score like its labelled ones do when they are
left out of the training (a normal distribution); of all others only the upper tail matters, and tails of inner products
with a fixed direction fall off exponentially. Expectation maximisation (Dempster et al. 1977) finds how many pictures
have the tag and how fast the tail falls. Nothing is assumed of the encoder.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats
from search.tags.probe import Doubles

_ABOVE, _FEWEST = 2.6, 20
"""Deviations above the median from which scores are looked at, and how many pictures that must leave at least. The
deviation is that of the lower half, in which there are no pictures with the tag."""
_MEAN, _MEAN_COUNTS = 0.6, 1
_DEVIATION, _DEVIATION_COUNTS = 0.15, 4
"""What a left-out yes scores, and how widely, before any is known, and how many labels that is worth; so it is on
Caltech whatever the category."""
_HEAVY = 1.1
"""By how much the tail is taken to be longer than its mean height says: real ones are heavier than exponential."""
_MOST = 0.5
"""Share of the collection that a tag has at most, as far as this estimate goes."""
_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Odds:
    """Parameters of the mixture, in units of the score."""

    mean: float
    deviation: float
    edge: float
    """Where the tail begins."""
    tail: float
    """Share of the other pictures that lies above the edge, in 0..1."""
    scale: float
    """Mean height above the edge of those."""
    share: float
    """Of all pictures that have the tag, in 0..1."""

    @classmethod
    def of(cls, scores: Floats | Doubles, counts: Floats | Doubles, yes: Doubles, no: Doubles) -> "Odds":
        """From the scores of unlabelled pictures [n], each of which stands for so many [n], and those of labels that
        were left out of the training."""
        total = max(float(counts.sum() + len(no)), 1.0)
        mean = (yes.sum() + _MEAN * _MEAN_COUNTS) / (len(yes) + _MEAN_COUNTS)
        squares = ((yes - mean) ** 2).sum() + _DEVIATION_COUNTS * _DEVIATION**2
        deviation = float(np.sqrt(squares / (len(yes) + _DEVIATION_COUNTS)))
        all_scores, weights = np.concatenate([scores, no]), np.concatenate([counts, np.ones(len(no))])
        low, middle, few = (_quantile(all_scores, weights, part) for part in (0.16, 0.5, 1 - min(_FEWEST / total, 0.5)))
        edge = min(middle + _ABOVE * (middle - low), few)
        high = all_scores > edge
        said_no = np.repeat([False, True], [len(scores), len(no)])[high]
        first = cls(float(mean), deviation, edge, 0.05, 0.1, max(len(yes), 1) / total)
        return first._fitted(all_scores[high].astype(np.float64), weights[high], said_no, total)

    def probabilities(self, scores: Floats | Doubles) -> Doubles:
        """[n] -> [n] in 0..1, rising with the score; 0 below the edge."""
        # Above their mean, scores are no less like those of the tag: the density stays there.
        low = np.minimum(scores, self.mean)
        fits = -0.5 * ((low - self.mean) / self.deviation) ** 2 - np.log(self.deviation * np.sqrt(2 * np.pi))
        other = np.log(self.tail / self.scale) - np.maximum(scores - self.edge, 0) / self.scale
        log_odds = np.log(self.share / (1 - self.share)) + fits - other
        return np.where(scores > self.edge, 1 / (1 + np.exp(np.clip(-log_odds, -500, 500))), 0.0)

    def score_at(self, probability: float) -> float:
        """The least score that has at least this probability, by bisection."""
        low, high = self.edge, max(self.mean, self.edge) + 1.0
        while self.probabilities(np.array([high]))[0] < probability and high < 1e6:
            high *= 2
        for _ in range(50):
            middle = (low + high) / 2
            reached = self.probabilities(np.array([middle]))[0] >= probability
            low, high = (low, middle) if reached else (middle, high)
        return high

    def _fitted(self, scores: Doubles, weights: Doubles, said_no: NDArray[np.bool_], total: float) -> "Odds":
        found, excess = self, scores - self.edge
        scale = max(0.6 * float(np.average(excess, weights=weights)), 1e-3) if len(scores) else self.scale
        share, above = min(max(self.share, 1e-9), _MOST), float(weights.sum())
        tail = _part(above - share * total, total - share * total)
        for _ in range(_ROUNDS):
            found = Odds(self.mean, self.deviation, self.edge, tail, scale, share)
            fits = np.where(said_no, 0.0, found.probabilities(scores))
            others = weights * (1 - fits)
            fitting = above - float(others.sum())
            # One picture more than were counted, so that a first guess can't vanish.
            share = min((fitting + 1) / (total + 1), _MOST)
            tail = _part(above - fitting, total - fitting)
            scale = max(_HEAVY * float((others * excess).sum()) / max(float(others.sum()), 1e-9), 1e-3)
        return found


def _part(some: float, of: float) -> float:
    return min(max(some / max(of, 1e-9), 1e-4), 1.0)


def _quantile(scores: Doubles, weights: Doubles, share: float) -> float:
    if not len(scores):
        return 0.0
    order = np.argsort(scores)
    places = np.cumsum(weights[order])
    return float(scores[order][np.searchsorted(places, share * places[-1])])
