"""The pictures whose labels would teach a tag most."""

import numpy as np

from indexer.types import Floats, Ids
from search.tags.probe import Doubles

_LIKELY = 1.25
"""In place of 1 in p(1 - p): leans to the likely ones."""
_ALIKE = 0.5
"""Cosine from which on two pictures would teach partly the same."""


def most_useful(probabilities: Doubles, vectors: Floats, k: int) -> Ids:
    """Places in [n] of the k pictures to label next, most useful first.

    A label teaches most where the probe is least sure, p(1 - p) at its largest (uncertainty sampling, Lewis and Gale
    1994), and a yes more than a no, because pictures with a tag are the rare ones; what is like a picture that was
    chosen already counts for less, so that the clicks don't all tell the same.
    `vectors` [n, d] have unit norm.
    """
    # Even where all are sure, the likeliest come first.
    gain = probabilities * (_LIKELY - probabilities) + 1e-3 * probabilities + 1e-9
    chosen: list[int] = []
    for _ in range(min(k, len(gain))):
        best = int(np.argmax(gain))
        chosen.append(best)
        alike = np.clip((vectors @ vectors[best] - _ALIKE) / (1 - _ALIKE), 0, 1)
        gain = gain * (1 - alike)
        gain[chosen] = -1
    return np.array(chosen, np.int64)
