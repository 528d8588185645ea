"""Guides beside the usual methods: quality on simulated faults, and the time of a picture of 12 megapixels.

    python bench/guided.py ../shared/data/flickr8k/captions.jsonl --images ../shared/data/flickr8k/images --split dev \
        --limit 300 --guide locked=DIR --guide "without F=DIR"
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from indexer.config import Settings
from indexer.limits import DEFAULT_LIMITS
from indexer.sources.datasets import read_items
from tuner.evaluate.comparison import OURS, Truth
from tuner.evaluate.guided import evaluate
from tuner.guided.learned import corrected
from tuner.lineage.opening import open_raster
from tuner.work import Work

MEGAPIXELS = (3000, 4000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--guide", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    print("python bench/guided.py", *sys.argv[1:])
    guides = {f"{OURS}, {name}": folder for name, _, folder in (one.partition("=") for one in given.guide)}
    items = read_items("auto", given.data, given.images, given.split)
    paths = sorted({item.path for item in items})[: given.limit]
    truths = [Truth(path.name, open_raster(path, DEFAULT_LIMITS).rgb) for path in paths]
    with TemporaryDirectory() as folder:
        work = Work(Settings(home=given.home or Path(folder)))
        for row in evaluate(truths, work, {OURS: "", **guides}):
            told = {name: round(value, 3) for name, value in row.figures.items()}
            print(f"{row.method:36} {row.pictures:5} {json.dumps(told)} {1000 * row.seconds:7.1f} ms")
        speed(work)


def speed(work: Work) -> None:
    """Of the shipped guide, twice: the first loads the encoder."""
    rgb = np.random.default_rng(0).random((*MEGAPIXELS, 3), np.float32)
    for turn in ("first", "then"):
        start = time.perf_counter()
        corrected(rgb, "", 1.0, work)
        print(f"12 megapixels, {turn}: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
