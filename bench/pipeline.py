"""The indexing pipeline: its speed beside the encoder alone, its memory, and the cost of a second run.

    python bench/pipeline.py speed PICTURES_FOLDER [COUNT] [ENCODER]
    python bench/pipeline.py memory PICTURES_FOLDER
    python bench/pipeline.py again PICTURES_FOLDER

`speed` repeats the folder's pictures (each copy made a content of its own by bytes after its end) up to
COUNT, default 600, and alternates encoder and pipeline. `memory` indexes 2,000 and 20,000 copies, each in a
process of its own, with a projection in place of the model. `again` indexes 10,000 files twice.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.images import open_picture
from indexer.types import Encoder

ROUNDS = 3


class Projection:
    """A stand-in for a model: a fixed random projection of a 16x16 picture."""

    name = fingerprint = "projection"
    dimension, picture_size, notice = 512, 292, None

    def __init__(self) -> None:
        self.matrix = np.random.default_rng(0).standard_normal((768, 512)).astype(np.float32)

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((16, 16)), np.float32).ravel() / 255

    def encode_pictures(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        vectors = np.stack(list(batch)) @ self.matrix
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def repeat(source: Path, target: Path, count: int) -> Path:
    """`count` files of distinct content in folders of 500."""
    pictures = [path.read_bytes() for path in sorted(source.iterdir()) if path.suffix == ".jpg"]
    for number, data in enumerate(islice(cycle(pictures), count)):
        path = target / f"{number // 500:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + number.to_bytes(4, "little"))
    return target


def encoder_rate(encoder: Encoder, source: Path, count: int, batch: int) -> float:
    """Pictures a second of the model alone, on arrays that are ready for it."""
    paths = [path for path in sorted(source.iterdir()) if path.suffix == ".jpg"]
    ready = [encoder.prepare(open_picture(path, min_side=encoder.picture_size).image) for path in paths]
    inputs = list(islice(cycle(ready), count))
    started = time.perf_counter()
    for start in range(0, count, batch):
        encoder.encode_pictures(inputs[start : start + batch])
    return count / (time.perf_counter() - started)


def pipeline_rate(encoder: Encoder, folder: Path, home: Path) -> float:
    """Pictures a second of a whole run into an empty home, scan and commits included."""
    with Collection(Settings(home=home, encoder=encoder.name), lambda *_: encoder) as collection:
        report = collection.index([folder])
    assert not report.failed, report.failed[:3]
    return report.embedded / report.seconds


def speed(source: Path, count: int, name: str) -> None:
    settings = Settings()
    encoder = load_encoder(name, settings)
    encoder_rate(encoder, source, 64, settings.batch_size)  # loads the model
    alone, whole = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = repeat(source, Path(temporary) / "photos", count)
        for number in range(ROUNDS):
            alone.append(encoder_rate(encoder, source, count, settings.batch_size))
            whole.append(pipeline_rate(encoder, folder, Path(temporary) / f"home{number}"))
            print(f"encoder alone {alone[-1]:6.1f}/s   pipeline {whole[-1]:6.1f}/s   {whole[-1] / alone[-1]:.3f}")
    print(f"{name}, {count} pictures, best of {ROUNDS}: {max(whole) / max(alone):.3f} of the encoder alone")


def memory(source: Path) -> None:
    for count in (2_000, 20_000):
        with tempfile.TemporaryDirectory() as temporary:
            repeat(source, Path(temporary) / "photos", count)
            subprocess.run([sys.executable, __file__, "one", temporary], check=True)


def one(temporary: Path) -> None:
    rate = pipeline_rate(Projection(), temporary / "photos", temporary / "home")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = sum(1 for _ in (temporary / "photos").glob("*/*"))
    print(f"{count} pictures: peak memory {peak:.0f} MiB, {rate:.0f} pictures/s")


def again(source: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, home = repeat(source, Path(temporary) / "photos", 10_000), Path(temporary) / "home"
        pipeline_rate(Projection(), folder, home)
        command = [sys.executable, "-m", "api", "index", str(folder), "--home", str(home)]
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            print(f"`pixloom index` over 10,000 unchanged files: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    what, source = sys.argv[1], Path(sys.argv[2])
    match what:
        case "speed":
            count, name = [*sys.argv[3:], *["600", "embedded"][len(sys.argv) - 3 :]]
            speed(source, int(count), name)
        case "memory":
            memory(source)
        case "one":
            one(source)
        case "again":
            again(source)
