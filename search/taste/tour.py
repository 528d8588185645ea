"""A tour of the collection for someone nothing is known of: k-medoids over it (Kaufman and Rousseeuw 1990)."""

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats, Ids
from search.metrics import Flags
from search.taste.view import View

STOPS = 64
"""Medoids; a tour of fewer pictures begins with those that stand for most."""
SAMPLE = 1024
"""Pictures that stand for a larger collection."""
_ROUNDS = 5


def tour(view: View, seed: int = 0) -> Ids:
    """Rows of a tour: first the medoids, each adding most to those before it, then the next of each group in turn.

    The same for the same view and seed.
    """
    rows = view.alive
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    vectors = view.vectors(rows)
    distances = np.maximum(1 - vectors @ vectors.T, 0)
    medoids, groups = k_medoids(distances, min(STOPS, len(rows)))
    nearest = distances[np.arange(len(rows)), medoids[groups]]
    order = np.lexsort((nearest, groups))
    starts = np.searchsorted(groups[order], np.arange(len(medoids)))
    turn = np.empty(len(rows), np.int64)
    turn[order] = np.arange(len(rows)) - starts[groups[order]]
    turn[medoids] = 0
    return rows[np.lexsort((groups, turn))]


def walk(view: View, stops: Ids, without: Flags, least: int, random: np.random.Generator | None) -> Ids:
    """Rows through the whole collection: a tour, from `random` stops where it is given, then whatever else there is,
    as far as the tour has fewer than `least`."""
    stops = stops[view.living[stops] & ~without[stops]]
    if random is not None:
        first = random.permutation(min(STOPS, len(stops)))
        stops = np.concatenate([stops[first], stops[len(first) :]])
    if len(stops) >= least:
        return stops
    rest = view.alive[~without[view.alive] & ~np.isin(view.alive, stops)]
    return np.concatenate([stops, (random or np.random.default_rng(0)).permutation(rest)])


def k_medoids(distances: Floats, count: int) -> tuple[Ids, Ids]:
    """Medoids [count] of objects with these distances [n, n], and the group of each object [n].

    Begun greedily (BUILD), so that the first medoids stand for most; then each group takes the object in its middle,
    until nothing changes.
    """
    medoids = _build(distances, count)
    for _ in range(_ROUNDS):
        groups = _assign(distances, medoids)
        moved = np.array([_middle(distances, np.flatnonzero(groups == place)) for place in range(count)])
        if np.array_equal(moved, medoids):
            break
        medoids = moved
    return medoids, _assign(distances, medoids)


def _build(distances: Floats, count: int) -> Ids:
    medoids = [int(distances.sum(axis=0).argmin())]
    nearest = distances[:, medoids[0]].copy()
    while len(medoids) < count:
        gain = np.maximum(nearest[:, np.newaxis] - distances, 0).sum(axis=0)
        gain[medoids] = -1
        medoids.append(int(gain.argmax()))
        nearest = np.minimum(nearest, distances[:, medoids[-1]])
    return np.array(medoids, np.int64)


def _assign(distances: Floats, medoids: Ids) -> Ids:
    groups: NDArray[np.int64] = distances[:, medoids].argmin(axis=1)
    groups[medoids] = np.arange(len(medoids))
    return groups


def _middle(distances: Floats, members: Ids) -> int:
    return int(members[distances[np.ix_(members, members)].sum(axis=0).argmin()])
