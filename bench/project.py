"""How long it takes to change the heads of an encoder: `python bench/project.py [COUNT]`.

Makes a home with COUNT (100,000) pictures whose features of 1,280 numbers are kept, and no picture files; then
switches to an encoder with heads over that tower, as the product does it: projection, commits, swap. The heads cost
what the embedded encoder's do: 1,000 classes, softmax, 384 numbers of text space; and 256 numbers beside them.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import add_pictures

from indexer.check import check
from indexer.collection import Collection
from indexer.config import Settings
from indexer.indexes import append_rows, feature_set_for
from indexer.switch import Switch
from indexer.types import Floats

WIDTH = 1280
_CHUNK = 2000


class Tower:
    """A tower that can't read, below heads made by chance."""

    fingerprint, dimension = "bench tower", WIDTH

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.classifier, self.classes, self.basis = (
            random.standard_normal(shape, dtype=np.float32) / 36 for shape in ((WIDTH, 1000), (1000, 384), (WIDTH, 256))
        )

    def features(self, _: Sequence[Any]) -> Floats:
        raise AssertionError("a picture was read")

    def project(self, features: Floats) -> Floats:
        logits = features @ self.classifier
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        blocks = likely / likely.sum(axis=1, keepdims=True) @ self.classes, features @ self.basis
        vectors = np.concatenate([block / np.linalg.norm(block, axis=1, keepdims=True) for block in blocks], axis=1)
        return vectors / np.float32(np.sqrt(2))


class Encoder:
    """The encoder that is changed to."""

    name, fingerprint, dimension, picture_size, notice = "bench", "bench heads", 640, 64, None

    def __init__(self) -> None:
        self.tower = Tower()
        self.prepare = self.encode_pictures = self.encode_texts = self.tower.features


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    encoder = Encoder()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), encoder="bench")
        with Collection(settings, lambda *_: encoder) as collection:
            fill(collection, encoder.tower, count)
            before, started, processor = peak(), time.perf_counter(), time.process_time()
            with collection.switching():
                switch = Switch(collection, encoder)
                assert switch.swap()
            seconds, processor = time.perf_counter() - started, time.process_time() - processor
            assert (switch.report.projected, switch.report.embedded) == (count, 0)
            print(f"{count} pictures projected in {seconds:.1f} s ({processor:.1f} s of processor time)")
            print(f"peak memory {before:.0f} MiB before, {peak():.0f} MiB after")
            assert check(collection).problems == [f"{count} thumbnails are missing"]


def fill(collection: Collection, tower: Tower, count: int) -> None:
    """Pictures with features, as an index run leaves them."""
    random = np.random.default_rng(0)
    with collection.catalog.database.write() as connection:
        kept = feature_set_for(connection, "bench", tower)
        for start in range(0, count, _CHUNK):
            ids = add_pictures(connection, start, min(_CHUNK, count - start))
            features = np.maximum(random.standard_normal((len(ids), WIDTH), dtype=np.float32), 0)
            append_rows(connection, collection.settings, kept, ids, features)


def peak() -> float:
    """The most memory this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
