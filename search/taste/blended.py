"""Our own collaborative model: EASE, blended with a projection on the few directions in which people differ most.

Either alone is beaten on some data by a factorisation; together they were the best on all that was tried. What both
learn from is weighted alike: who likes everything, and what everybody likes, say less.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import ArpackError, svds

from indexer.types import Floats
from search.taste.ease import LARGEST, Doubles, Ease
from search.taste.histories import Histories


@dataclass(frozen=True, slots=True)
class Weighting:
    """How much likes count, and how much is made of them; the defaults suit data that are too few to choose by."""

    ridge: float = 800.0
    """The regularisation of EASE, in likes."""
    people: float = 0.25
    """What a person liked is divided by how much that is, to this power."""
    items: float = 0.25
    """An item's likes are divided by their number to this power, and so are its scores: popularity counts less."""
    memory: float | None = 5.0
    """So many likes ago, one counts e times less for what is liked next; None where all count the same."""
    factors: int = 64
    """Directions that are projected on; fewer where there are hardly more people."""
    share: float = 0.4
    """Of the projection in the score, in 0..1."""


class Blended:
    """The model, learned from histories; it scores any others too."""

    def __init__(self, histories: Histories, weighting: Weighting | None = None, largest: int = LARGEST) -> None:
        self.weighting = weighting or Weighting()
        liked = histories.liked.astype(np.float64)
        activity, popularity = (np.maximum(np.asarray(liked.sum(axis=axis)).ravel(), 1) for axis in (1, 0))
        self.scale: Doubles = popularity**-self.weighting.items
        weighted = (sparse.diags(activity**-self.weighting.people) @ liked @ sparse.diags(self.scale)).tocsr()
        self.ease = Ease(weighted, self.weighting.ridge, largest)
        self.directions = _directions(weighted, self.weighting.factors)

    def scores(self, histories: Histories) -> Floats:
        """[q, items] for histories [q, items]; higher is likelier to be liked next."""
        asked = histories.recalled(self.weighting.memory, amounts=True)
        asked.data *= self.scale[asked.indices]
        share = self.weighting.share if self.directions.shape[1] else 0.0
        own = _standard(self.ease.scores(asked))
        if not share:
            return own.astype(np.float32)
        return ((1 - share) * own + share * _standard((asked @ self.directions) @ self.directions.T)).astype(np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was learned, as arrays for a file; no names, and likes only as numbers."""
        numbers = np.array([0.0 if value is None else float(value) for value in asdict(self.weighting).values()])
        return {"weighting": numbers, "scale": self.scale, "directions": self.directions, **self.ease.state()}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[Any]]) -> "Blended":
        """The model that `state` was taken of."""
        model = cls.__new__(cls)
        names = [field.name for field in fields(Weighting)]
        values: dict[str, Any] = dict(zip(names, state["weighting"].tolist(), strict=True))
        values |= {"factors": int(values["factors"]), "memory": values["memory"] or None}
        model.weighting, model.scale, model.directions = Weighting(**values), state["scale"], state["directions"]
        model.ease = Ease.restored(state)
        return model


def _directions(weighted: sparse.csr_matrix, factors: int) -> Doubles:
    """The right singular vectors [items, factors] of the largest singular values: a history is projected on them
    (PureSVD; Cremonesi, Koren and Turrin 2010)."""
    factors = min(factors, min(weighted.shape) // 4)
    if factors < 1 or not weighted.nnz:
        return np.zeros((weighted.shape[1], 0))
    # Begun with ones rather than by lot, so that every run gives the same.
    begin = np.ones(min(weighted.shape))
    try:
        return np.ascontiguousarray(svds(weighted, k=factors, v0=begin, return_singular_vectors="vh")[2].T)
    except ArpackError:  # it doesn't converge for a few degenerate matrices: EASE does without
        return np.zeros((weighted.shape[1], 0))


def _standard(scores: Doubles) -> Doubles:
    """Each row with mean 0 and standard deviation 1."""
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / (scores.std(axis=1, keepdims=True) + 1e-12))
