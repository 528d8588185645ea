"""The whole engine call beside rclip's own search, both over the same vectors in their own databases.

    pip install rclip && python bench/search_rclip.py [VECTORS]

In place of a model both get a stub that gives the same query vector; what is measured is everything
else: reading, scoring, sorting, and looking the 20 pictures up. FAISS alone is the limit beside them.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import faiss
import numpy as np
from rclip.db import DB, NewImage
from rclip.main import RClip
from rclip.model import Model
from synthetic import fill, paths, unit_vectors

from indexer.collection import Collection
from search.engine import Engine

DIMENSION = Model.VECTOR_SIZE
K = 20
ROUNDS, PER_ROUND = 5, 20


class StubEncoder:
    """Gives one query vector for any text."""

    name = fingerprint = "stub"
    dimension, picture_size, notice, tower = DIMENSION, 1, None, None

    def __init__(self, query: np.ndarray) -> None:
        self.query = query

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.stack([self.query] * len(texts))


class StubModel(Model):
    """rclip's model with its own scoring and sorting, and no network."""

    def __init__(self, query: np.ndarray) -> None:
        self.query = query

    def compute_features_for_queries(self, queries: list[str]) -> np.ndarray:
        return self.query if queries else np.zeros(DIMENSION, np.float32)


def rclip_over(folder: Path, vectors: np.ndarray, query: np.ndarray) -> RClip:
    database = DB(folder / "db.sqlite3")
    for path, vector in zip(paths(len(vectors)), vectors, strict=True):
        row = NewImage(filepath=path, modified_at=0, size=1, vector=vector.tobytes(), hash=None)
        database.upsert_image(row, commit=False)
    database.commit()
    return RClip(StubModel(query), database, 8, None)


def milliseconds(call: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def main(count: int) -> None:
    vectors, query = unit_vectors(count, DIMENSION), unit_vectors(1, DIMENSION, seed=1)[0]
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(vectors)
    with tempfile.TemporaryDirectory() as folder:
        peer = rclip_over(Path(folder), vectors, query)
        with Collection(fill(Path(folder) / "home", vectors), lambda *_: StubEncoder(query)) as collection:
            engine = Engine(collection)
            ours = [result.path for result in engine.search("query", k=K).results]
            theirs = [result.filepath for result in peer.search("query", "/", top_k=K)]
            assert ours == theirs, "both must find the same pictures"
            times: dict[str, list[float]] = {"pixloom": [], "rclip": [], "FAISS alone": []}
            for _ in range(ROUNDS):
                times["rclip"] += milliseconds(lambda: peer.search("query", "/", top_k=K), 1)
                times["pixloom"] += milliseconds(lambda: engine.search("query", k=K), PER_ROUND)
                times["FAISS alone"] += milliseconds(lambda: flat.search(query[np.newaxis], K), PER_ROUND)
    print(f"{count} vectors of {DIMENSION}, {K} results, medians:")
    for name, taken in times.items():
        print(f"  {name:12} {median(taken):9.2f} ms   {median(times['rclip']) / median(taken):7.1f}x rclip")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
