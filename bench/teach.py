"""How long it takes to teach a tag: `python bench/teach.py [COUNT]`.

A home with COUNT (100,000) made-up vectors of 1152 numbers. One call of `teach` does everything: labels into the
catalogue, training, scoring of the collection, rows of the pictures that get the tag, what to label next. Beside it one
exact search of the same home, in turns with it. Some vectors are moved close to others, so that the tag has pictures to
find. Time on the clock, and processor time of all threads, which other people's load disturbs less.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from synthetic import fill, unit_vectors

from indexer.collection import Collection
from search.engine import Engine
from search.query import parse
from search.tags.labels import Clicks
from search.tags.teach import bring_up_to_date, teach

DIMENSION = 1152
ROUNDS = 15
LIKE = 300
"""Pictures that show what is taught."""


class StubEncoder:
    """Gives one vector for any text."""

    name = fingerprint = "stub"
    dimension, picture_size, notice, tower = DIMENSION, 1, None, None

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return unit_vectors(len(texts), DIMENSION, seed=1)


def main(count: int) -> None:
    vectors, random = unit_vectors(count, DIMENSION), np.random.default_rng(2)
    ids = random.choice(count, LIKE, replace=False)
    vectors[ids] += 0.8 * vectors[ids[0]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = fill(Path(folder), vectors)
        with Collection(settings, lambda *_: StubEncoder()) as collection:
            measure(Engine(collection), (ids + 1).tolist(), random)


def measure(engine: Engine, shows: list[int], random: np.random.Generator) -> None:
    query, times = parse("anything"), {"search": [], "teach": [], "state": [], "nothing to do": []}
    engine.search(query)
    teach(engine, "warm", Clicks(tuple(shows[:1])))
    others = [int(id) for id in random.choice(np.setdiff1d(np.arange(1, 1000), shows), 5 * ROUNDS, replace=False)]
    for turn in range(ROUNDS):
        yes, no = shows[5 * turn : 5 * turn + 5], others[5 * turn : 5 * turn + 5]
        times["search"].append(timed(lambda: engine.search(query, k=20)))
        # A tag of its own each time, so that all its rows are new.
        times["teach"].append(timed(lambda: teach(engine, f"tag {turn}", Clicks(tuple(yes), tuple(no)))))  # noqa: B023
        times["state"].append(timed(lambda: teach(engine, f"tag {turn}")))  # noqa: B023
        snapshot = engine.snapshot()
        times["nothing to do"].append(timed(lambda: bring_up_to_date(engine.collection, snapshot)))  # noqa: B023
    told = teach(engine, "tag 0")
    print(f"{len(snapshot.ids)} vectors of {DIMENSION}; 5 yes and 5 no give the tag to {told.pictures} pictures")
    of_search = list(zip(*times["search"], strict=True))
    for name, taken in times.items():
        clock, processor = (np.array(column) for column in zip(*taken, strict=True))
        ratios = [median(column) / median(of) for column, of in zip((clock, processor), of_search, strict=True)]
        print(
            f"  {name:14} clock {median(clock):6.1f} ms (best {min(clock):6.1f}), {ratios[0]:5.2f}x one exact search; "
            f"processor {median(processor):6.1f} ms (best {min(processor):6.1f}), {ratios[1]:5.2f}x"
        )


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the clock, and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return (time.perf_counter() - clock) * 1000, (time.process_time() - processor) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
