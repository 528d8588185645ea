"""How long it takes to change the heads of an encoder: `python bench/project.py [COUNT]`.

Makes a home with COUNT (100,000) pictures whose features by the embedded encoder's tower are kept, made up, and no
picture files; then switches to the embedded encoder, as the product does it: projection through all its heads,
commits, swap.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from synthetic import add_pictures

from indexer.check import check
from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.indexes import append_rows, feature_set_for
from indexer.switch import Switch
from indexer.types import Tower

_CHUNK = 2000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), encoder="embedded")
        encoder = load_encoder("embedded", settings)
        encoder.prepare = None  # whoever reads a picture fails
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
            features = np.maximum(random.standard_normal((len(ids), tower.dimension), dtype=np.float32), 0)
            append_rows(connection, collection.settings, kept, ids, features)


def peak() -> float:
    """The most memory this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
