"""A person's interests: groups of the pictures that they liked, each named by the one in its middle (PinnerSage, Pal
et al. 2020)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats, Ids

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interest:
    """One group. `id` is the picture in its middle; `share` is of the importance of all interests that count."""

    id: int
    pictures: tuple[int, ...]
    """Its members, those first that say most."""
    rows: Ids
    """Theirs in the snapshot, in the same order."""
    weights: Floats
    """What each member says: by its kind of signal and its age."""
    centre: Floats
    """Unit-norm [dimension]: the direction of its weighted members."""
    importance: float
    """The sum of its weights."""
    weight: float = 1.0
    """What the person multiplied it by."""
    muted: bool = False
    share: float = 0.0

    @property
    def counts(self) -> float:
        """How much of what is shown it may claim, before it is shared out."""
        return 0.0 if self.muted else self.importance * self.weight


def find_interests(ids: Ids, rows: Ids, vectors: Floats, weights: Floats, apart: float) -> list[Interest]:
    """The interests of someone who liked the pictures `ids` [n] with unit vectors [n, d] and weights [n] above 0, most
    important first; centres of two are less alike than the cosine `apart`."""
    labels = grouped(vectors, apart)
    found = [
        _interest(ids[members], rows[members], vectors[members], weights[members])
        for members in (np.flatnonzero(labels == label) for label in range(int(labels.max(initial=-1)) + 1))
    ]
    return sorted(found, key=lambda interest: (-interest.importance, interest.id))


def grouped(vectors: Floats, apart: float) -> Labels:
    """The group of each unit vector [n, d], numbered from 0: Ward's tree, cut where the centres of the two sides have
    a cosine below `apart`.

    Ward's own heights grow with the size of groups, so that any fixed height would split what someone likes much.
    """
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    # Imported here because it takes a tenth of a second, and most commands have no need of it.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.sqrt(np.maximum(2 - 2 * (vectors @ vectors.T).astype(np.float64), 0))
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "ward")
    labels = fcluster(tree, 1 - apart, criterion="monocrit", monocrit=_unlikeness(tree, vectors))
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _unlikeness(tree: NDArray[np.float64], vectors: Floats) -> NDArray[np.float64]:
    """For each joint of the tree, 1 - the cosine of the centres it joins, or of any joint below it if that is more."""
    count = len(vectors)
    sums = np.concatenate([vectors, np.empty((len(tree), vectors.shape[1]), np.float32)])
    squares = [1.0] * count
    worst = [0.0] * count
    for place, (left, right) in enumerate(tree[:, :2].astype(int).tolist(), count):
        between = float(np.vdot(sums[left], sums[right]))
        np.add(sums[left], sums[right], out=sums[place])
        squares.append(squares[left] + squares[right] + 2 * between)
        cosine = between / max(squares[left] * squares[right], 1e-12) ** 0.5
        worst.append(max(1 - cosine, worst[left], worst[right]))
    return np.array(worst[count:])


def _interest(ids: Ids, rows: Ids, vectors: Floats, weights: Floats) -> Interest:
    total = weights @ vectors
    centre = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    # The most central; of equally central ones (two members always are) the one that says more, then the first.
    central = np.round((vectors @ centre).astype(np.float64), 5)
    middle = np.lexsort((ids, -weights, -central))[0]
    order = np.lexsort((ids, -weights))
    return Interest(
        id=int(ids[middle]),
        pictures=tuple(int(id) for id in ids[order]),
        rows=rows[order],
        weights=weights[order],
        centre=centre,
        importance=float(weights.sum()),
    )
