"""What people who like the same like too: learned from everybody's signals, without their names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select

from indexer.collection import Collection
from indexer.indexes import vector_file
from indexer.signal_tables import SignalRow
from indexer.tables import PictureRow
from indexer.types import Floats, Ids
from search.taste.blended import Blended
from search.taste.blending import Blend, blend_weight
from search.taste.histories import Histories, Likes

LEAST_PEOPLE, LEAST_LIKES = 5, 2
"""People who like so many pictures are needed before anything is learned; who likes fewer says nothing of what goes
together."""
MOST_LIKES = 500
"""The newest likes of a person that are learned from."""
MOST_SCORED = 1000
"""Pictures that are scored for a person."""
LONG_LOOK = 10.0
"""Seconds from which a view counts as liking a little."""
AMOUNTS = {"like": 1.0, "download": 0.7, "tune": 0.7, "view": 0.4}
"""How much each kind of signal says."""
_OPINIONS = ("like", "dislike", "hide")
_LARGEST = 4000
"""Rows of the matrix that is inverted: see Ease."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The signals that a model knows: how many, and the number of the last."""

    count: int
    last: int


@dataclass(frozen=True, slots=True)
class Collaborative:
    """A model over pictures of the collection; nothing in it ever changes, and nobody's name is in it."""

    pictures: Ids
    """Its pictures [items], ascending."""
    model: Blended
    blend: Blend
    mark: Mark

    @property
    def weight(self) -> float:
        """How much it should count beside content, in 0..1, by held-out likes."""
        return self.blend.weight

    def scores(self, liked: Sequence[int]) -> dict[int, float]:
        """Picture -> how well it goes with the liked ones, newest first, above 0 and at most 1, the best being 1.

        Only the best MOST_SCORED, and no picture that goes with them less than the average does; none where nobody
        else liked any of these. Best first.
        """
        ids = np.array(list(dict.fromkeys(liked))[:MOST_LIKES], np.int64)
        places = np.minimum(np.searchsorted(self.pictures, ids), len(self.pictures) - 1)
        known = self.pictures[places] == ids
        if not known.any():
            return {}
        shape = (1, len(self.pictures))
        newest_first = -np.flatnonzero(known)
        items = places[known]
        likes = Likes(np.zeros_like(items), items, np.ones(len(items), np.float32), newest_first, shape)
        scores = self.model.scores(Histories.of(likes))[0]
        scores[items] = 0
        best = np.flatnonzero(scores > 0)
        if len(best) > MOST_SCORED:
            best = np.sort(best[np.argpartition(-scores[best], MOST_SCORED)[:MOST_SCORED]])
        best = best[np.argsort(-scores[best], kind="stable")]
        values = scores[best] / scores[best].max(initial=1e-12)
        return dict(zip(self.pictures[best].tolist(), values.tolist(), strict=True))


def train(collection: Collection) -> Collaborative | None:
    """Learn from all signals there are now; None where fewer than LEAST_PEOPLE like LEAST_LIKES pictures or more.

    Somebody whose signals were deleted has left the model with this. Takes seconds for thousands of people, and
    memory for one row of numbers a person beside the likes themselves.
    """
    mark = mark_of(collection)
    pictures, likes = _likes(collection)
    if likes.shape[0] < LEAST_PEOPLE:
        return None
    model = Blended(Histories.of(likes), largest=_LARGEST)
    return Collaborative(pictures, model, _blend(collection, pictures, likes), mark)


def mark_of(collection: Collection, until: int | None = None) -> Mark:
    """The mark of all signals, or of those up to the number `until`."""
    query = select(func.count(), func.max(SignalRow.id))
    with collection.catalog.database.read() as connection:
        count, last = connection.execute(query if until is None else query.where(SignalRow.id <= until)).one()
    return Mark(int(count), int(last or 0))


def _likes(collection: Collection) -> tuple[Ids, Likes]:
    """Pictures [items], ascending, and who likes them: people as numbers, in no order that tells who they are."""
    rows = _standing(collection)
    by_person: dict[str, list[tuple[int, int, float]]] = {}
    for (user, picture), (last, amount) in rows.items():
        by_person.setdefault(user, []).append((last, picture, amount))
    kept = [sorted(some)[-MOST_LIKES:] for some in by_person.values() if len(some) >= LEAST_LIKES]
    kept.sort(key=lambda some: some[-1][0])
    users = np.repeat(np.arange(len(kept)), [len(some) for some in kept])
    flat = [one for some in kept for one in some]
    times, ids, amounts = (np.array([one[place] for one in flat]) for place in range(3))
    pictures, items = np.unique(ids.astype(np.int64), return_inverse=True)
    shape = len(kept), len(pictures)
    return pictures, Likes(users, items, amounts.astype(np.float32), times.astype(np.int64), shape)


def _standing(collection: Collection) -> dict[tuple[str, int], tuple[int, float]]:
    """(user, picture) -> (number of the last signal that says so, how much it is liked), living pictures only."""
    table = SignalRow.__table__.c
    query = (
        select(table.user, table.picture_id, table.kind, func.max(table.id).label("last"), func.max(table.seconds))
        .join(PictureRow, PictureRow.id == table.picture_id)
        .where(PictureRow.live)
        .group_by(table.user, table.picture_id, table.kind)
    )
    signals: dict[tuple[str, int], dict[str, tuple[int, float]]] = {}
    with collection.catalog.database.read() as connection:
        for user, picture, kind, last, seconds in connection.execute(query):
            signals.setdefault((user, picture), {})[kind] = last, seconds or 0.0
    told = {pair: _liked(kinds) for pair, kinds in signals.items()}
    return {pair: liked for pair, liked in told.items() if liked is not None}


def _liked(kinds: dict[str, tuple[int, float]]) -> tuple[int, float] | None:
    """(number of the last signal, how much) of one picture; None where it isn't liked, or not any more."""
    opinion = (
        max((kinds[kind][0], kind) for kind in _OPINIONS if kind in kinds) if kinds.keys() & {*_OPINIONS} else None
    )
    if opinion is not None and opinion[1] != "like":
        return None
    counted = {kind: kinds[kind][0] for kind in AMOUNTS if kind in kinds and _counts(kind, kinds[kind][1])}
    if not counted:
        return None
    return max(counted.values()), max(AMOUNTS[kind] for kind in counted)


def _counts(kind: str, seconds: float) -> bool:
    return kind != "view" or seconds >= LONG_LOOK


def _blend(collection: Collection, pictures: Ids, likes: Likes) -> Blend:
    """What held-out likes say of others beside the vectors of the index that answers."""
    index = collection.catalog.state().index
    if index is None:
        return Blend()
    file = vector_file(collection.settings, index)
    vectors, ids = file.vectors(index.rows), np.array(file.ids(index.rows))
    order = np.argsort(ids, kind="stable")
    living = np.setdiff1d(ids, collection.catalog.dead())
    if not len(living):
        return Blend()

    def of(some: Ids) -> Floats:
        rows = order[np.minimum(np.searchsorted(ids, some, sorter=order), len(ids) - 1)]
        return np.where((ids[rows] == some)[:, np.newaxis], vectors[rows], 0).astype(np.float32)

    return blend_weight(likes, pictures, living, of, _LARGEST)
