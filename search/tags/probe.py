"""A linear probe: what a tag looks for, learned from a handful of labelled vectors and the tag's name.

Weighted ridge regression. A labelled yes is to score 1; a labelled no, and more weakly the collection at large, 0.
With few labels this is close to linear discriminant analysis with the collection's own shrunk covariance (exemplar-LDA,
Hariharan et al. 2012), and the unlabelled pictures are the weak negatives of positive-unlabelled learning. The solution
is shrunk, not towards nothing, but towards what the name alone says, the less the more examples there are. Being linear
in the targets, it gives the score that each label would have if it were left out (PRESS, Allen 1974) at no cost.
Nothing depends on how a vector is made up: plain unit vectors of any encoder will do. No I/O.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats

Doubles = NDArray[np.float64]

BACKGROUND = 128
"""Unlabelled vectors that stand for the collection; more cost time and gain nothing."""
_SHRINK = 0.02
"""Ridge penalty, as a share of the collection's variance; half or twice of it changes little."""
_YES, _NO = 0.2, 0.05
"""What one label weighs, where the whole background weighs 1. A no must not outweigh the yes it looks like."""
_NAME = 0.1
"""What a standard deviation of the name's own score is worth, while there is one yes or none."""
_MANY, _SMALL = 10_000, 300
"""Vectors, and unknowns, from which the threads of BLAS are worth waking."""
_SAME = 1 - 1e-5
"""Inner product from which an unlabelled picture is a copy of a labelled one, and no background."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Scores any vector: about 1 where the tag fits, about 0 at the collection's average."""

    weights: Floats
    """[d] float32."""
    bias: float

    def scores(self, vectors: Floats) -> Floats:
        """[n, d] -> [n]; one matrix-vector product, and no copy of what is mapped from a file."""
        # BLAS for many only: its threads spin beside those of FAISS, which costs more than they save on a few.
        many = len(vectors) >= _MANY
        product: Floats = vectors @ self.weights if many else np.einsum("ij,j->i", vectors, self.weights)
        return product + np.float32(self.bias)


@dataclass(frozen=True, slots=True)
class Trained:
    """A probe, and what it would say of its own labels had it not seen them."""

    probe: Probe
    yes: Doubles
    """Score of each yes by the probe of all other labels [m1]."""
    no: Doubles
    """The same for each no [m2]."""


def train(yes: Floats, no: Floats, name: Floats, background: Floats) -> Trained:
    """The probe of labelled unit vectors `yes` [m1, d] and `no` [m2, d], either of which may be empty, of the name's
    unit vector [d] and of a sample of the collection [n, d], of which 128 at most are used."""
    background = _unlabelled(background, np.concatenate([yes, no]))
    labelled = np.concatenate([yes, no]).astype(np.float32)
    centre = (background if len(background) else labelled).mean(axis=0)
    points = np.concatenate([labelled, background]) - centre
    spread = points[len(labelled) :] if len(background) else points
    prior = name * (_NAME / max(len(yes), 1) / max(float((spread @ name).std()), 1e-3))
    costs = np.repeat([_YES, _NO, 1 / max(len(background), 1)], [len(yes), len(no), len(background)])
    targets = np.repeat([1.0, 0.0], [len(yes), len(points) - len(yes)]) - points @ prior
    penalty = _SHRINK * max(float((spread**2).sum(axis=1).mean()), 1e-2)
    solve = _dual if len(points) <= points.shape[1] else _primal
    correction, left_out = solve(points, targets, costs / penalty, len(labelled))
    weights = (prior + correction).astype(np.float32)
    alone = points[: len(labelled)] @ prior + left_out
    return Trained(Probe(weights, -float(weights @ centre)), alone[: len(yes)], alone[len(yes) :])


def _unlabelled(background: Floats, labelled: Floats) -> Floats:
    step = -(-len(background) // BACKGROUND) or 1
    some = background[::step]
    if not len(labelled) or not len(some):
        return some
    unlike: Floats = some[np.einsum("ij,kj->ik", some, labelled).max(axis=1) < _SAME]
    return unlike


def _dual(points: Floats, targets: Doubles, costs: Doubles, labels: int) -> tuple[Doubles, Doubles]:
    """Weights [d] that minimise sum of costs * (targets - points @ w)^2 + |w|^2, and what each of the first points
    [labels] would be predicted without itself. In the space of the points: for few of them."""
    # Not by BLAS: for products as small as these, waking its threads costs more than they save.
    kernel = np.einsum("ij,kj->ik", points, points).astype(np.float64)
    kernel[np.diag_indices_from(kernel)] += 1 / costs
    wanted = np.column_stack([targets, np.eye(len(points), labels)])
    solved = _solved(kernel, wanted)
    places = np.arange(labels)
    return np.einsum("i,ij->j", solved[:, 0], points), targets[:labels] - solved[places, 0] / solved[places, 1 + places]


def _solved(system: Doubles, wanted: Doubles) -> Doubles:
    """The solution [n, k] of a positive definite system [n, n]."""
    if len(system) > _SMALL:
        return np.asarray(np.linalg.solve(system, wanted), np.float64)
    # By elimination, which needs no pivots here: LAPACK would wake all threads for it, and on a busy machine they take
    # longer to come than the sums.
    size, rows = len(system), np.hstack([system, wanted])
    for n in range(size):
        rows[n + 1 :] -= (rows[n + 1 :, n] / rows[n, n])[:, None] * rows[n]
    solved = rows[:, size:]
    for n in reversed(range(size)):
        solved[n] = (solved[n] - rows[n, n + 1 : size] @ solved[n + 1 :]) / rows[n, n]
    return solved


def _primal(points: Floats, targets: Doubles, costs: Doubles, labels: int) -> tuple[Doubles, Doubles]:
    """The same in the space of the vectors: for many points."""
    weighted = points * costs[:, None]
    system = weighted.T @ points + np.eye(points.shape[1])
    wanted = np.column_stack([weighted.T @ targets, points[:labels].T])
    solved = np.linalg.solve(system, wanted)
    leverage = costs[:labels] * np.einsum("ij,ji->i", points[:labels], solved[:, 1:])
    fitted = points[:labels] @ solved[:, 0]
    return solved[:, 0], targets[:labels] - (targets[:labels] - fitted) / (1 - leverage)
