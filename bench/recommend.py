"""Recommendations beside one search, and feedback, over a collection of made-up vectors.

    python bench/recommend.py [PICTURES [DIMENSION]]

One person has some hundred signals in five interests, another a million. Each round a signal comes in before the page
is asked for, so that nothing can be answered from memory alone; `first page` has nothing in memory.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from sqlalchemy import func, insert, select
from synthetic import fill, unit_vectors

from indexer.collection import Collection
from indexer.signal_tables import SignalRow, StandingRow
from search.engine import Engine
from search.taste.recommend import Recommender
from search.taste.signals import Signals
from search.taste.stamps import touch
from search.taste.standings import stands

ROUNDS = 30
MANY, CHUNK = 1_000_000, 50_000
K = 20


class StubEncoder:
    """Gives one query vector for any text."""

    name = fingerprint = "stub"
    picture_size, notice, tower = 1, None, None

    def __init__(self, query: np.ndarray) -> None:
        self.query, self.dimension = query, len(query)

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.stack([self.query] * len(texts))


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def some_hundred(signals: Signals, vectors: np.ndarray) -> list[int]:
    """`some` likes 60 pictures around each of five, and dislikes 20; pictures like theirs that are left."""
    left: list[int] = []
    for centre in range(5):
        near = np.argsort(-(vectors @ vectors[centre]))[:100] + 1
        for id in near[:60]:
            signals.add("some", int(id), "like")
        left += [int(id) for id in near[60:]]
    for id in np.argsort(-(vectors @ vectors[7]))[:20] + 1:
        signals.add("some", int(id), "dislike")
    return left


def a_million(collection: Collection, vectors: np.ndarray) -> list[int]:
    """`many` looked at half of the pictures a million times, and liked and disliked some of forty kinds; others of
    these kinds."""
    random = np.random.default_rng(0)
    near = [np.argsort(-(vectors @ vectors[centre]))[:100] + 1 for centre in range(100, 140)]
    liked, disliked = np.concatenate(near[:30]), np.concatenate(near[30:])
    left = random.permutation(liked)[:200]
    kinds = random.choice(["view", "like", "dislike", "download"], MANY, p=[0.9, 0.06, 0.02, 0.02]).tolist()
    pools = {"view": random.integers(1, len(vectors) // 2, MANY), "dislike": random.choice(disliked, MANY)}
    pools["like"] = pools["download"] = random.choice(np.setdiff1d(liked, left), MANY)
    ids = [int(pools[kind][n]) for n, kind in enumerate(kinds)]
    first, standing = datetime(2026, 1, 1), {}
    with collection.catalog.database.write() as connection:
        touch(connection, "many")
        last = connection.scalar(select(func.max(SignalRow.id))) or 0
        for start in range(0, MANY, CHUNK):
            rows = []
            for n in range(start, start + CHUNK):
                values = {"user": "many", "picture_id": ids[n], "seconds": None, "at": first + timedelta(seconds=n)}
                rows.append({**values, "kind": kinds[n]})
                before = standing.get(ids[n])
                kind = stands(before["kind"] if before else None, kinds[n])
                standing[ids[n]] = {**values, "kind": kind, "signal_id": last + n + 1, "counts": True}
            connection.execute(insert(SignalRow), rows)
        connection.execute(insert(StandingRow), list(standing.values()))
    return [int(id) for id in left if int(id) not in standing]


def rounds(signals: Signals, recommender: Recommender, engine: Engine, user: str, fresh: list[int]) -> None:
    times: dict[str, list[float]] = {"search": [], "feedback": [], "page after it": [], "page again": []}
    first = timed(lambda: recommender.recommend(user, k=K))
    for picture in fresh[:ROUNDS]:
        times["search"].append(timed(lambda: engine.search("query", k=K)))
        times["feedback"].append(timed(partial(signals.add, user, picture, "like")))
        times["page after it"].append(timed(lambda: recommender.recommend(user, k=K)))
        times["page again"].append(timed(lambda: recommender.recommend(user, k=K)))
    page, view = recommender.recommend(user, k=K), recommender.tastes.view()
    print(f"{user}: {page.known} pictures, {len(recommender.tastes.interests(user))} interests")
    print(f"  first page     {first:8.2f} ms")
    for name, taken in times.items():
        print(f"  {name:14} {median(taken):8.2f} ms  {median(taken) / median(times['search']):6.2f}x one search")
    assert view is not None and len(page.results) == K


def main(pictures: int, dimension: int) -> None:
    vectors, query = unit_vectors(pictures, dimension), unit_vectors(1, dimension, seed=1)[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        Collection(fill(Path(folder) / "home", vectors), lambda *_: StubEncoder(query)) as collection,
    ):
        engine, signals = Engine(collection), Signals(collection.catalog.database)
        recommender = Recommender(engine)
        left = some_hundred(signals, vectors)
        others = a_million(collection, vectors)
        engine.search("query", k=K)
        new = timed(lambda: recommender.recommend("new"))
        print(f"{pictures} vectors of {dimension}; the first page of one who is new: {new:.1f} ms")
        rounds(signals, recommender, engine, "some", left[::7])
        rounds(signals, recommender, engine, "many", others)


if __name__ == "__main__":
    main(*map(int, [*sys.argv[1:], "100000", "512"][:2] if len(sys.argv) < 3 else sys.argv[1:3]))
