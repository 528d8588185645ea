"""How long a vocabulary takes to be in effect: `PYTHONPATH=.:bench python bench/vocabulary.py [COUNT]`.

Makes a home with COUNT (100,000) pictures whose features and vectors by the embedded encoder are kept, made up, and no
picture files; tags it by the names that ship, then by vocabularies of 100 and 1,000 names, as the product does it.
Beside each: the bare matrix product of all vectors and the names, and the time that another pass of the model over
that many pictures would take.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from project import fill

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.indexes import vector_file
from indexer.switch import Switch
from search.tags.tagger import Tagger

PER_SECOND = 40.0
"""Pictures that two cores embed in a second (docs/speed.md)."""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", encoder="embedded")
        encoder = load_encoder("embedded", settings)
        encoder.prepare = None  # whoever reads a picture fails
        with Collection(settings, lambda *_: encoder) as collection:
            fill(collection, encoder.tower, count)
            with collection.switching():
                assert Switch(collection, encoder).swap()
            measure(collection, encoder, None)
            words = [one.names[0] for one in Tagger(collection).everyday]
            for size in (100, 1000):
                file = Path(folder) / "names.txt"
                file.write_text("\n".join(words[:: len(words) // size][:size]))
                measure(collection, encoder, file)


def measure(collection: Collection, encoder: object, file: Path | None) -> None:
    tagger = Tagger(collection)
    names = len(tagger.use_vocabulary(file))
    started = time.perf_counter()
    looked = tagger.refresh()
    seconds = time.perf_counter() - started
    index = collection.catalog.state().index
    vectors = vector_file(collection.settings, index).vectors(index.rows)
    matrix = np.random.default_rng(0).standard_normal((names, index.dimension), dtype=np.float32)
    started = time.perf_counter()
    for start in range(0, len(vectors), 4096):
        vectors[start : start + 4096] @ matrix.T
    product = time.perf_counter() - started
    print(
        f"{names} names: {looked} pictures tagged in {seconds:.1f} s; {seconds / product:.1f} times the bare product "
        f"({product:.1f} s); {looked / PER_SECOND / seconds:.0f} times quicker than another pass of the model"
    )


if __name__ == "__main__":
    main()
