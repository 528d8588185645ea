"""More like this, but different: neighbours of a picture that differ from each other."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import select

from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.tables import PictureRow
from indexer.types import Floats
from search.engine import Engine, Result, Results, took_ms
from search.query import Box
from search.snapshot import Snapshot
from search.taste.variety import fold, varied

DIVERSITY = 1.0
"""What likeness to a picture that is shown already costs, where likeness to the one asked about counts 1."""
CLEARLY = 0.65
"""How near a picture must be, on the way from the usual likeness (0) to that of the nearest (1)."""
_LEAST, _TIMES, MOST = 100, 5, 1000
"""Nearest pictures to choose from: so many times what is asked for, within these bounds."""
_AT_ONCE = 500


def similar_but_different(
    engine: Engine, picture: int | Path, *, k: int = 20, box: Box | None = None, show_all: bool = False
) -> Results:
    """k pictures like one, or like a part of it, but unlike each other: the most alike first.

    Versions of one picture count as one; those of the picture itself are left out. Pictures that aren't clearly like it
    come only where there are too few others. Errors as for `Engine.similar`.
    """
    started = time.perf_counter()
    if not 1 <= k <= MOST:
        raise UsageError(f"k is {k}: ask for 1 to {MOST} pictures that differ.")
    pool = min(max(_LEAST, _TIMES * k), MOST)
    found = engine.similar(picture, k=pool, box=box, show_all=show_all)
    snapshot = engine.snapshot()
    if snapshot is None or not found.results:
        return found
    itself = engine.collection.catalog.find(path=picture.absolute()) if isinstance(picture, Path) else picture
    chosen = _chosen(engine.collection, snapshot, found.results, k, itself if box is None else None)
    took = took_ms(started)
    return replace(found, results=tuple(found.results[place] for place in chosen), took_ms=took)


def _chosen(
    collection: Collection, snapshot: Snapshot, results: Sequence[Result], k: int, itself: int | None
) -> list[int]:
    """Places in `results` of those to show."""
    ids = [*([itself] if itself is not None else []), *(result.id for result in results)]
    vectors = vectors_of(snapshot, ids)
    # The picture itself leads the first group, so that its own versions are folded into it.
    groups = fold(vectors, hashes_of(collection, ids))
    if itself is not None:
        vectors, groups = vectors[1:], [[place - 1 for place in group] for group in groups[1:]]
    heads = np.array([group[0] for group in groups], np.int64)
    if not len(heads):
        return []
    scores = np.array([results[head].score for head in heads])
    usual = min(float((snapshot.sample @ vectors[heads[0]]).mean()), float(scores[0]))
    near = max(int((scores >= usual + CLEARLY * (scores[0] - usual)).sum()), min(k, len(heads)))
    return sorted(int(heads[place]) for place in varied(scores[:near], vectors[heads[:near]], k, DIVERSITY))


def vectors_of(snapshot: Snapshot | None, ids: Sequence[int]) -> Floats:
    """Unit-norm vectors [n, dimension] of pictures, 0 for those that the index doesn't have."""
    if snapshot is None or not len(snapshot.ids):
        return np.zeros((len(ids), 1), np.float32)
    rows = np.flatnonzero(np.isin(snapshot.ids, ids))
    held = dict(zip(snapshot.ids[rows].tolist(), rows.tolist(), strict=True))
    vectors = np.zeros((len(ids), snapshot.vectors.shape[1]), np.float32)
    known = [place for place, id in enumerate(ids) if id in held]
    vectors[known] = snapshot.vectors[[held[ids[place]] for place in known]]
    return vectors


def hashes_of(collection: Collection, ids: Sequence[int]) -> list[int]:
    """The perceptual hash of each picture; 0 for one that isn't in the catalogue."""
    found: dict[int, int] = {}
    with collection.catalog.database.read() as connection:
        for start in range(0, len(ids), _AT_ONCE):
            query = select(PictureRow.id, PictureRow.phash).where(PictureRow.id.in_(ids[start : start + _AT_ONCE]))
            found.update((row.id, row.phash) for row in connection.execute(query))
    return [found.get(id, 0) for id in ids]
