"""Recommendations: a person's taste to a page of pictures that they haven't seen, each with its reason."""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any, Protocol

import numpy as np

from indexer.errors import UsageError
from indexer.records import IndexInfo
from indexer.types import Floats, Ids
from search.engine import Engine, took_ms
from search.metrics import Flags
from search.taste.candidates import Candidates, Pool
from search.taste.cursors import MOST, read_cursor, write_cursor
from search.taste.interests import Interest
from search.taste.page import EXPLORATION, Offer, Pick, Reason, compose, share_explored
from search.taste.ranking import score
from search.taste.signals import user_name
from search.taste.taste import Taste
from search.taste.tastes import Tastes
from search.taste.threads import OneThread
from search.taste.tour import tour, walk
from search.taste.view import View

MAX_K = 500
FRESH_BONUS, FRESH_DAYS = 0.02, 14.0
"""Cosine that a picture gains by being new, and the days after which it gains half."""
BLEND = 0.5
"""Share of what isn't explored that comes from others who like the same, at most; how much does is what held-out likes
say."""
INTERESTS = 12
"""Interests that one page is made of."""
_GROWN = 0.05
"""Share by which a collection may change before its tour is made anew."""
_NEWEST = 100
_OTHERS = 200


class Collaborative(Protocol):
    """What people with the same likes say."""

    @property
    def weight(self) -> float:
        """How much it should count beside content, in 0..1."""

    def scores(self, liked: Sequence[int]) -> dict[int, float]:
        """Picture id -> how well it goes with these liked pictures, higher is better; only what it would show."""


@dataclass(frozen=True, slots=True)
class Item:
    """One recommended picture; `score` on the scale of cosines, None where nothing was compared."""

    id: int
    path: str
    score: float | None
    why: Reason


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A page; `exploration` is the share of it that is meant to explore, and `next` the cursor of the next page."""

    user: str
    encoder: str | None
    notice: str | None
    took_ms: float
    known: int
    """Pictures that taste is read from."""
    exploration: float
    results: tuple[Item, ...]
    next: str | None

    def as_dict(self) -> dict[str, Any]:
        """One JSON document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is the same for everybody in one state of the collection: a tour of it, and what is new, newest first."""

    generation: int
    tour: Ids
    of: tuple[IndexInfo, int]
    """The index that the tour was made of, and how many pictures could be found in it."""
    fresh: Ids


class Recommender:
    """Recommends pictures of one engine's collection; safe to share between threads.

    No score has a term of how often a picture was seen or liked by others, so popularity can't win by itself: others
    come in only through `collaborative`, for the share that it weighs and at most `blend`.
    """

    def __init__(
        self,
        engine: Engine,
        tastes: Tastes | None = None,
        collaborative: Callable[[], Collaborative | None] = lambda: None,
        *,
        exploration: float = EXPLORATION,
        blend: float = BLEND,
    ) -> None:
        """`collaborative` gives the model of now, where there is one."""
        self.tastes = tastes or Tastes(engine)
        self._collection, self._collaborative = engine.collection, collaborative
        self._exploration, self._blend = exploration, blend
        self._candidates = Candidates(engine.collection.catalog)
        self._kept: _Ground | None = None
        self._lock = Lock()

    @OneThread()
    def recommend(self, user: str, *, k: int = 20, cursor: str | None = None) -> Recommendations:
        """The next k pictures for a person: nothing they did anything with, nothing of the pages before, which end
        where a cursor can remember no more.

        One nobody knows gets a tour of the collection. Raises UsageError for k out of range, a wrong name or cursor.
        """
        started = time.perf_counter()
        if not 1 <= k <= MAX_K:
            raise UsageError(f"k is {k}: ask for 1 to {MAX_K} pictures.")
        user, before, view = user_name(user), read_cursor(cursor), self.tastes.view()
        if view is None:
            return Recommendations(user, None, None, took_ms(started), 0, 1.0, (), None)
        taste = self.tastes.of(user, view)
        without = taste.seen | view.flags(before)
        model = self._collaborative()
        offer = self._offer(view, user, taste, without, k, len(before), model)
        blend = min(self._blend, model.weight) if model else 0.0
        picks = compose(view, taste, offer, k, exploration=self._exploration, blend=blend)
        items = self._items(view, picks)
        after = np.concatenate([before, np.array([item.id for item in items], np.int64)])
        share = share_explored(taste, self._exploration) if taste.active else 1.0
        encoder = view.snapshot.index.encoder
        return Recommendations(
            user=user,
            encoder=encoder,
            notice=self._collection.notice(encoder),
            took_ms=took_ms(started),
            known=len(taste.owners),
            exploration=round(share, 4),
            results=tuple(items),
            next=write_cursor(after) if len(items) == k and len(after) <= MOST else None,
        )

    @OneThread()
    def prepare(self, user: str) -> None:
        """Do now what the person's next page would wait for."""
        view = self.tastes.view()
        if view is not None:
            taste = self.tastes.of(user, view)
            self._offer(view, user, taste, taste.seen, 20, 0, None)

    def _offer(
        self, view: View, user: str, taste: Taste, without: Flags, k: int, page: int, model: Collaborative | None
    ) -> Offer:
        ground = self._ground(view)
        seed = zlib.crc32(f"{user} {taste.standing.stamp.last} {page}".encode())
        way = walk(view, ground.tour, without, 4 * k, np.random.default_rng(seed) if taste.active else None)
        if not taste.active:
            return Offer(None, {}, ground.fresh[:0], way)
        pool = self._candidates.near(view, user, _some(taste.active, seed), without, k)
        scored = score(view, taste, pool.rows, _freshness(pool), pool.hashes)
        fresh = ground.fresh[~without[ground.fresh]]
        return Offer(scored, _others(view, taste, without, model), fresh, way)

    def _ground(self, view: View) -> _Ground:
        with self._lock:
            before = self._kept
            if before is None or before.generation != view.snapshot.generation:
                now = view.snapshot.index, len(view.alive)
                stops, of = (before.tour, before.of) if before and _alike(before.of, now) else (tour(view), now)
                self._kept = before = _Ground(view.snapshot.generation, stops, of, self._fresh(view))
            return before

    def _fresh(self, view: View) -> Ids:
        """New rows, newest first; none where most of the collection is new."""
        by_age = view.rows(np.array([*self._collection.catalog.newest(_NEWEST), *view.middle()], np.int64))
        pool = self._candidates.facts(view, by_age[by_age >= 0])
        if not len(pool.rows) or pool.ages[-1] <= FRESH_DAYS:
            return by_age[:0]
        return pool.rows[:-1][pool.ages[:-1] <= FRESH_DAYS]

    def _items(self, view: View, picks: Sequence[Pick]) -> list[Item]:
        ids = [int(view.snapshot.ids[pick.row]) for pick in picks]
        paths = self._collection.catalog.paths(ids)
        return [
            Item(id, paths[id], None if pick.score is None else round(pick.score, 6), pick.why)
            for id, pick in zip(ids, picks, strict=True)
            if id in paths
        ]


def _alike(before: tuple[IndexInfo, int], now: tuple[IndexInfo, int]) -> bool:
    """Whether a tour still stands for a collection: while pictures come in, it need not be made anew for each."""
    return before[0].same(now[0]) and abs(now[1] - before[1]) <= _GROWN * before[1]


def _some(interests: Sequence[Interest], seed: int) -> list[Interest]:
    """The interests that a page is made of: all of them, or of very many the most important ones and some others,
    drawn by their importance, so that each has its turn."""
    ranked = sorted(interests, key=lambda interest: -interest.counts)
    if len(ranked) <= INTERESTS:
        return ranked
    first, others = ranked[: INTERESTS // 2], ranked[INTERESTS // 2 :]
    counts = np.array([interest.counts for interest in others])
    random = np.random.default_rng(seed)
    drawn = random.choice(len(others), INTERESTS - len(first), replace=False, p=counts / counts.sum())
    return first + [others[place] for place in drawn]


def _freshness(pool: Pool) -> Floats:
    return (FRESH_BONUS * 2.0 ** (-np.maximum(pool.ages, 0) / FRESH_DAYS)).astype(np.float32)


def _others(view: View, taste: Taste, without: Flags, model: Collaborative | None) -> dict[int, float]:
    """Others' favourites by row, best first."""
    if model is None:
        return {}
    given = sorted(model.scores(taste.standing.liked.tolist()).items(), key=lambda one: (-one[1], one[0]))
    rows = view.rows(np.array([id for id, _ in given], np.int64))
    free = (rows >= 0) & ~without[rows]
    found = [(int(row), value) for row, (_, value), kept in zip(rows, given, free, strict=True) if kept]
    return dict(found[:_OTHERS])
