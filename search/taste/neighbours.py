"""The simplest collaborative models: what everybody likes, and items that the same people like."""

import numpy as np
from scipy import sparse

from indexer.types import Floats
from search.taste.histories import Histories

_BLOCK = 1024
"""Items whose likeness to all others is held at once."""


class Popularity:
    """The same order for everybody: by how many like an item."""

    def __init__(self, histories: Histories) -> None:
        self.counts = np.asarray(histories.liked.sum(axis=0), np.float32).ravel()

    def scores(self, histories: Histories) -> Floats:
        """[q, items] for histories [q, items]."""
        return np.tile(self.counts, (histories.amounts.shape[0], 1))


class ItemNeighbours:
    """Item-kNN: an item scores the sum of its likeness to those of a history that are among its nearest.

    Likeness is the cosine of the items' columns, shrunk where few people like both (Sarwar et al. 2001; Bell and
    Koren 2007): c / (sqrt(a b) + shrinkage), c people liking both, a the one and b the other.
    """

    def __init__(self, histories: Histories, neighbours: int = 50, shrinkage: float = 10.0) -> None:
        liked = histories.liked.tocsc()
        counts = np.asarray(liked.sum(axis=0)).ravel()
        starts = range(0, liked.shape[1], _BLOCK)
        blocks = [_nearest(liked, counts, start, neighbours, shrinkage) for start in starts]
        self.likeness = sparse.hstack(blocks, format="csr")

    def scores(self, histories: Histories) -> Floats:
        """[q, items] for histories [q, items]."""
        return np.asarray((histories.liked @ self.likeness).toarray(), np.float32)


def _nearest(
    liked: sparse.csc_matrix, counts: Floats, start: int, neighbours: int, shrinkage: float
) -> sparse.csc_matrix:
    """Likeness [items, block] of the items from `start` on to the nearest others, 0 elsewhere; ties at the last
    place are all kept."""
    some = np.arange(start, min(start + _BLOCK, liked.shape[1]))
    both = (liked.T @ liked[:, some]).toarray()
    likeness = both / (np.sqrt(np.outer(counts, counts[some])) + shrinkage + 1e-9)
    likeness[some, np.arange(len(some))] = 0
    if neighbours < len(likeness):
        least = -np.partition(-likeness, neighbours - 1, axis=0)[neighbours - 1]
        likeness[likeness < least] = 0
    return sparse.csc_matrix(likeness.astype(np.float32))
