"""Candidates for a person's interests, out of the vector store: one batched search, repeated only for what changed."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from indexer.catalog import Catalog
from indexer.tables import PictureRow
from indexer.types import Floats, Ids
from search.metrics import Flags
from search.taste.interests import Interest
from search.taste.view import View

DEPTH = 200
"""Candidates of an interest that are kept, unless a page needs more."""
SCORED = 3
"""How many times as many as a page has are scored of each interest."""
UNMOVED = 0.99
"""Cosine to its former self from which an interest keeps its candidates; their scores are always made anew."""
_PEOPLE = 64
"""Whose candidates are kept in memory."""
_INTERESTS = 32
"""Of each, the last ones used."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidate rows [m], what their pictures look like, and the days since they came in."""

    rows: Ids
    hashes: NDArray[np.uint64]
    ages: Floats

    def of(self, some: NDArray[np.bool_] | Ids | slice) -> "Pool":
        """Only some of them."""
        return Pool(self.rows[some], self.hashes[some], self.ages[some])


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found near a centre, best first; `whole` says that there is no more."""

    generation: int
    centre: Floats
    pool: Pool
    whole: bool


class Candidates:
    """Candidates of everybody's interests; safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: OrderedDict[str, list[_Kept]] = OrderedDict()
        self._lock = Lock()

    def near(self, view: View, user: str, interests: Sequence[Interest], without: Flags, count: int) -> Pool:
        """Rows near a person's interests, at least one of them, each row once, none `without`; for a page of
        `count`."""
        with self._lock:
            before = [kept for kept in self._kept.get(user, ()) if kept.generation == view.snapshot.generation]
        kept = [_still_good(before, interest.centre) for interest in interests]
        pools = [None if one is None else _enough(one, without, SCORED * count) for one in kept]
        missing = [place for place, pool in enumerate(pools) if pool is None]
        if missing:
            found = self._search(view, np.stack([interests[place].centre for place in missing]), without, count)
            for place, one in zip(missing, found, strict=True):
                kept[place], pools[place] = one, one.pool.of(slice(SCORED * count))
        with self._lock:
            used = [one for one in kept if one is not None]
            unused = [one for one in before if all(one is not other for other in used)]
            self._kept[user] = (used + unused)[:_INTERESTS]
            self._kept.move_to_end(user)
            while len(self._kept) > _PEOPLE:
                self._kept.popitem(last=False)
        return _together([pool for pool in pools if pool is not None])

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

    def _search(self, view: View, centres: Floats, without: Flags, count: int) -> list[_Kept]:
        depth = max(DEPTH, 2 * SCORED * count)
        found = near_rows(view, centres, without, depth)
        everything = np.unique(np.concatenate(found))
        facts = self.facts(view, everything)
        return [
            _Kept(
                view.snapshot.generation,
                centre,
                facts.of(np.searchsorted(everything, rows)),
                len(rows) < depth,
            )
            for centre, rows in zip(centres, found, strict=True)
        ]


def near_rows(view: View, centres: Floats, without: Flags, depth: int) -> list[Ids]:
    """The rows nearest to each of [n, dimension], none `without`: one search for all of them."""
    allowed = view.alive[~without[view.alive]] if without.any() else view.snapshot.alive
    return [hits.rows for hits in view.snapshot.store.search(centres, depth, allowed)]


def _still_good(kept: list[_Kept], centre: Floats) -> _Kept | None:
    """What was found near a centre that was hardly another: one signal more moves an old interest by little."""
    near = [one for one in kept if float(one.centre @ centre) >= UNMOVED]
    return max(near, key=lambda one: float(one.centre @ centre), default=None)


def _enough(kept: _Kept, without: Flags, count: int) -> Pool | None:
    """The best `count` of them that are left; None where it has given most of what it had, page by page."""
    left = kept.pool.of(~without[kept.pool.rows])
    return left.of(slice(count)) if kept.whole or len(left.rows) >= count else None


def _together(pools: list[Pool]) -> Pool:
    rows = np.concatenate([pool.rows for pool in pools])
    _, first = np.unique(rows, return_index=True)
    return Pool(
        rows[first],
        np.concatenate([pool.hashes for pool in pools])[first],
        np.concatenate([pool.ages for pool in pools])[first],
    )
