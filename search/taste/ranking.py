"""How well candidates suit a taste: by the interest that each suits best, held against what was disliked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats, Ids
from search.metrics import Flags
from search.taste.taste import Taste
from search.taste.view import ALIKE, View

NEAREST = 0.5
"""How much the most alike picture of an interest says beside its centre."""
DISLIKE = 1.0
"""What a cosine to a disliked picture costs, as far as it is more than pictures at large have."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates [m]: `interest` is the place of the one they suit best, `because` the picture of it that is most
    like them, `score` on the scale of cosines."""

    rows: Ids
    vectors: Floats
    interest: Ids
    because: Ids
    score: Floats
    hashes: NDArray[np.uint64]
    """Perceptual hashes; 0 where they aren't known."""

    def of(self, some: Flags | Ids) -> "Scored":
        """Only some of them."""
        return Scored(
            self.rows[some],
            self.vectors[some],
            self.interest[some],
            self.because[some],
            self.score[some],
            self.hashes[some],
        )


def score(
    view: View, taste: Taste, rows: Ids, bonus: Floats | None = None, hashes: NDArray[np.uint64] | None = None
) -> Scored:
    """Scores of candidate rows [m] for someone with interests, `bonus` [m] added.

    Left out is what suits no interest, suits one best that is muted, or is more like something disliked than like
    anything liked.
    """
    vectors = view.vectors(rows)
    best, suits = suited(taste, vectors)
    nearest, because = _nearest(taste, vectors, best)
    cost, closer = dislike_cost(view, taste, vectors, nearest)
    counts = np.array([interest.counts > 0 for interest in taste.interests])
    total = (1 - NEAREST) * suits + NEAREST * nearest - cost + (0 if bonus is None else bonus)
    known = np.zeros(len(rows), np.uint64) if hashes is None else hashes
    kept = counts[best] & ~closer & (nearest >= view.level(ALIKE))
    return Scored(rows, vectors, best, because, total.astype(np.float32), known).of(kept)


def suited(taste: Taste, vectors: Floats) -> tuple[Ids, Floats]:
    """The place of the interest that each of [m, dimension] suits best, and its cosine to that one's centre.

    An interest among many similar pictures would claim everything by its cosines: each is held against its usual
    ones.
    """
    centres = np.stack([interest.centre for interest in taste.interests])
    cosines = vectors @ centres.T
    best = np.argmax((cosines - taste.usual[0]) / taste.usual[1], axis=1)
    return best, cosines[np.arange(len(best)), best]


def dislike_cost(view: View, taste: Taste, vectors: Floats, liked: Floats | float = -1.0) -> tuple[Floats, Flags]:
    """What being like something disliked costs each of [m, dimension], and which are clearly like it, and more so
    than like what was liked (cosines `liked` [m])."""
    if not len(taste.disliked):
        return np.zeros(len(vectors), np.float32), np.zeros(len(vectors), np.bool_)
    most = (vectors @ taste.disliked.T).max(axis=1)
    clearly = view.level(ALIKE)
    cost: Floats = DISLIKE * np.maximum(most - clearly, 0)
    return cost, most > np.maximum(liked, clearly)


def _nearest(taste: Taste, vectors: Floats, best: Ids) -> tuple[Floats, Ids]:
    """The most alike member of the best interest of each of [m, dimension]: its cosine, and its picture."""
    cosines, pictures = np.zeros(len(best), np.float32), np.zeros(len(best), np.int64)
    for place in np.unique(best).tolist():
        own = np.flatnonzero(best == place)
        alike = vectors[own] @ taste.members[taste.owners == place].T
        cosines[own] = alike.max(axis=1)
        pictures[own] = np.array(taste.interests[place].pictures)[alike.argmax(axis=1)]
    return cosines, pictures
