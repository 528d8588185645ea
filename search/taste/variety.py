"""Varied pictures: versions of one picture folded into it, and the rest chosen so that they differ."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats

SAME = 0.97
"""Cosine from which two pictures are versions of one."""
SAME_BITS = 6
"""Bits of 64 by which the perceptual hashes of two versions of one picture differ at most."""
_ALL = 2**64 - 1


def fold(vectors: Floats, hashes: Sequence[int]) -> list[list[int]]:
    """Places of pictures in groups of near-duplicates, each by its first, in the given order: best first.

    `vectors` [n, dimension] are unit-norm, 0 for a picture that has none; `hashes` [n] are perceptual, and the hash 0,
    which pictures of one colour share, says nothing.
    """
    groups: list[list[int]] = []
    heads, marks = np.empty_like(vectors), np.empty(len(hashes), np.uint64)  # of the groups so far
    for place, (vector, hash) in enumerate(zip(vectors, hashes, strict=True)):
        count, mark = len(groups), np.uint64(hash & _ALL)
        bits = np.unpackbits((marks[:count] ^ mark).view(np.uint8)).reshape(count, 64).sum(axis=1)
        alike = (bits <= SAME_BITS) & (marks[:count] != 0) & bool(mark)
        same = np.flatnonzero(alike | (heads[:count] @ vector >= SAME))
        if len(same):
            groups[int(same[0])].append(place)
        else:
            heads[count], marks[count] = vector, mark
            groups.append([place])
    return groups


def varied(worth: NDArray[np.float64], vectors: Floats, count: int, diversity: float) -> list[int]:
    """Places of `count` pictures, best first: each next one has the most worth [n] less `diversity` times its cosine
    with the nearest chosen before (maximal marginal relevance; Carbonell and Goldstein, SIGIR 1998)."""
    chosen: list[int] = []
    nearest = np.zeros(len(worth))
    free = np.ones(len(worth), np.bool_)
    for _ in range(min(count, len(worth))):
        best = int(np.argmax(np.where(free, worth - diversity * nearest, -np.inf)))
        chosen.append(best)
        free[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return chosen
