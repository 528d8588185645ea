"""What tags cost a search: results that carry them, filters, facets and lists, over made-up pictures with tags.

python bench/tags.py [PICTURES]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from sqlalchemy import insert
from synthetic import fill, unit_vectors

from indexer.collection import Collection
from indexer.tag_tables import MODEL
from search.engine import Engine
from search.query import parse
from search.tags.book import counted, tag_names
from search.tags.effective import GIVEN
from search.tags.export import export_lines
from search.tags.pictures import tagged
from search.tags.rows import tag_ids

DIMENSION, TAGS, EACH = 512, 3000, 5
TIMES = 30


class StubEncoder:
    """Gives one query vector for any text."""

    name = fingerprint = "stub"
    dimension, picture_size, notice, tower = DIMENSION, 1, None, None

    def __init__(self, query: np.ndarray) -> None:
        self.query = query

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.stack([self.query] * len(texts))


def give_tags(collection: Collection, pictures: int) -> None:
    """Five tags to each picture, as often as words are used: the n-th tag with probability ~ 1/n."""
    random, often = np.random.default_rng(0), 1 / np.arange(1, TAGS + 1)
    with collection.catalog.database.write() as connection:
        ids = list(tag_ids(connection, [(f"tag {n}", f"concept {n}") for n in range(TAGS)]).values())
        for start in range(1, pictures + 1, 5000):
            rows = [
                {"picture_id": id, "tag_id": ids[tag], "source": MODEL, "probability": 0.9 - 0.1 * place}
                for id in range(start, min(start + 5000, pictures + 1))
                for place, tag in enumerate(set(random.choice(TAGS, EACH, p=often / often.sum()).tolist()))
            ]
            connection.execute(insert(GIVEN), rows)


def measure(name: str, call: Callable[[], object], times: int = TIMES) -> None:
    call()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    print(f"  {name:44} {median(taken):9.2f} ms")


def main(pictures: int) -> None:
    query = unit_vectors(1, DIMENSION, seed=1)[0]
    with tempfile.TemporaryDirectory() as folder:
        home = fill(Path(folder), unit_vectors(pictures, DIMENSION))
        with Collection(home, lambda *_: StubEncoder(query)) as collection:
            engine = Engine(collection)
            print(f"{pictures} pictures, {DIMENSION} numbers, medians of {TIMES}:")
            measure("search without any tags", lambda: engine.search("query"))
            give_tags(collection, pictures)
            measure(f"search, {EACH} tags a picture", lambda: engine.search("query"))
            ids = [result.id for result in engine.search("query").results]

            def names() -> None:
                with collection.catalog.database.read() as connection:
                    tag_names(connection, ids)

            measure("of which the tags of its 20 results", names)
            for line in (
                "query tag:'tag 0'",
                "query tag:'tag 9'",
                "query tag:'tag 999'",
                "query -tag:'tag 0'",
                "tag:'tag 0'",
            ):
                line = line.replace("'", '"')
                total = len(engine.matching(parse(line), show_all=True))
                measure(f"{line} ({total} allowed)", lambda line=line: engine.search(line))

            def page(among: list[int] | None = None) -> None:
                with collection.catalog.database.read() as connection:
                    counted(connection, among=among)

            measure("the collection's tags with counts", page, 5)
            found = engine.matching(parse('query tag:"tag 9"')).tolist()
            measure(f"facets of a filtered query ({len(found)} matches)", lambda: page(found), 5)
            found = engine.matching(parse("query")).tolist()
            measure("all matches of a query", lambda: engine.matching(parse("query")), 5)
            measure(f"facets of a query ({len(found)} matches)", lambda: page(found), 3)
            started = time.perf_counter()
            size = sum(map(len, export_lines(tagged(collection), "csv")))
            print(f"  export as CSV: {size / 2**20:.1f} MiB in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
