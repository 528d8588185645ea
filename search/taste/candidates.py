"""Candidates for a person's interests, out of the vector store: one batched search, repeated only for what changed."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from indexer.catalog import Catalog
from indexer.tables import PictureRow
from indexer.types import Floats, Ids
from search.taste.taste import Taste
from search.taste.view import View

DEPTH = 200
"""Candidates of an interest, unless a page needs more."""
MOST = 12
"""Interests that one page is made of: the most important ones."""
_PEOPLE = 64
"""Whose candidates are kept in memory."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidate rows [m], what their pictures look like, and the days since they came in."""

    rows: Ids
    hashes: NDArray[np.uint64]
    ages: Floats

    def of(self, some: NDArray[np.bool_]) -> "Pool":
        """Only some of them."""
        return Pool(self.rows[some], self.hashes[some], self.ages[some])


_Key = tuple[int, bytes]
_Kept = dict[_Key, Pool]


class Candidates:
    """Candidates of everybody's interests; safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def near(self, view: View, user: str, taste: Taste, without: Ids, count: int) -> Pool:
        """Rows near the interests that count, each once, none of `without` (ascending); for a page of `count`."""
        active = sorted(taste.active, key=lambda interest: -interest.counts)[:MOST]
        keys = [(view.snapshot.generation, interest.centre.tobytes()) for interest in active]
        with self._lock:
            kept = dict(self._kept.get(user, {}))
        pools = {key: _without(kept[key], without) for key in keys if key in kept}
        # One that has given most of what it had, page by page, is searched for anew.
        missing = [place for place, key in enumerate(keys) if key not in pools or len(pools[key].rows) < 3 * count]
        missing = [place for place in missing if keys[place] not in kept or len(kept[keys[place]].rows) >= DEPTH]
        if missing:
            found = self._search(view, np.stack([active[place].centre for place in missing]), without, count)
            for place, pool in zip(missing, found, strict=True):
                pools[keys[place]] = kept[keys[place]] = pool
        with self._lock:
            self._kept[user] = {key: kept[key] for key in keys}
            self._kept.move_to_end(user)
            while len(self._kept) > _PEOPLE:
                self._kept.popitem(last=False)
        return _together([pools[key] for key in keys])

    def facts(self, view: View, rows: Ids) -> Pool:
        """What the catalogue knows of these rows."""
        ids, now = view.snapshot.ids[rows], datetime.now(UTC).replace(tzinfo=None)
        known: dict[int, tuple[int, float]] = {}
        with self._catalog.database.read() as connection:
            for start in range(0, len(ids), _AT_ONCE):
                some = [int(id) for id in ids[start : start + _AT_ONCE]]
                query = select(PictureRow.id, PictureRow.phash, PictureRow.added_at).where(PictureRow.id.in_(some))
                for id, phash, added in connection.execute(query):
                    known[id] = phash, (now - added).total_seconds() / 86_400
        missing = (0, np.inf)
        hashes = np.array([known.get(int(id), missing)[0] for id in ids], np.int64).view(np.uint64)
        return Pool(rows, hashes, np.array([known.get(int(id), missing)[1] for id in ids], np.float32))

    def _search(self, view: View, centres: Floats, without: Ids, count: int) -> list[Pool]:
        found = near_rows(view, centres, without, max(DEPTH, 4 * count))
        everything = np.unique(np.concatenate(found))
        facts = self.facts(view, everything)
        return [facts.of(np.isin(everything, rows, assume_unique=True)) for rows in found]


def near_rows(view: View, centres: Floats, without: Ids, depth: int) -> list[Ids]:
    """The rows nearest to each of [n, dimension], none of `without`: one search for all of them."""
    allowed = view.snapshot.alive
    if len(without):
        free = np.ones(len(view.snapshot.ids), np.bool_)
        free[without] = False
        allowed = view.alive[free[view.alive]]
    return [hits.rows for hits in view.snapshot.store.search(centres, depth, allowed)]


def _without(pool: Pool, rows: Ids) -> Pool:
    return pool.of(~np.isin(pool.rows, rows, assume_unique=True)) if len(rows) else pool


def _together(pools: list[Pool]) -> Pool:
    rows = np.concatenate([pool.rows for pool in pools])
    _, first = np.unique(rows, return_index=True)
    return Pool(
        rows[first],
        np.concatenate([pool.hashes for pool in pools])[first],
        np.concatenate([pool.ages for pool in pools])[first],
    )
