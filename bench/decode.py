"""How much faster 12-megapixel JPEGs open than by a full Pillow decode, and what that costs in likeness.

    python bench/decode.py ../shared/data/photos [--count 12] [--encoder embedded]

Each photograph is enlarged to 4000x3000 (or 3000x4000) and saved as JPEG of quality 90. Three ways of
opening it are timed in turn, file by file: Pillow's bare decode, Pillow's decode to what the indexer
needs (upright, RGB), and `open_picture` with the side that the pipeline asks for. The likeness is the
cosine between the embeddings of the full and the scaled decode.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.images import open_picture


def bare(path: Path, _: int) -> Image.Image:
    """Pillow's decode and nothing else."""
    with Image.open(path) as image:
        image.load()
        return image


def full(path: Path, _: int) -> Image.Image:
    """The plain way with Pillow to an upright RGB picture."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def scaled(path: Path, min_side: int) -> Image.Image:
    """Pixloom's way, metadata and all."""
    return open_picture(path, min_side=min_side).image


def enlarge(photos: list[Path], folder: Path) -> list[Path]:
    """12-megapixel copies of photographs."""
    copies = []
    for photo in photos:
        image = open_picture(photo).image
        size = (4000, 3000) if image.width >= image.height else (3000, 4000)
        copies.append(folder / f"{photo.stem}.jpg")
        image.resize(size, Image.Resampling.BICUBIC).save(copies[-1], quality=90)
    return copies


def milliseconds(way: Callable[[Path, int], Image.Image], path: Path, min_side: int) -> float:
    """Wall-clock time of opening one file."""
    start = time.perf_counter()
    way(path, min_side)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", default="embedded")
    arguments = parser.parse_args()
    settings = Settings()
    encoder = load_encoder(arguments.encoder, settings)
    min_side = max(encoder.picture_size, settings.thumbnail_size)
    ways = {"Pillow, bare decode": bare, "Pillow, upright and RGB": full, "open_picture": scaled}
    with tempfile.TemporaryDirectory() as folder:
        paths = enlarge(sorted(arguments.photos.glob("*.jpg"))[: arguments.count], Path(folder))
        size = statistics.mean(path.stat().st_size for path in paths) / 1e6
        times: dict[str, list[float]] = {name: [] for name in ways}
        for path in paths * arguments.rounds:
            for name, way in ways.items():
                times[name].append(milliseconds(way, path, min_side))
        pairs = [[encoder.prepare(way(path, min_side)) for way in (full, scaled)] for path in paths]
        shape = scaled(paths[0], min_side).size
    cosines = [float(np.prod(encoder.encode_pictures(pair), axis=0).sum()) for pair in pairs]
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{len(paths)} JPEGs of 12 megapixels, {size:.1f} MB each; open_picture gives {shape[0]}x{shape[1]} pixels")
    print(f"{'':26}{'median ms':>10}{'slower by':>10}")
    for name, value in median.items():
        print(f"{name:26}{value:10.1f}{value / median['open_picture']:9.1f}x")
    print(f"cosine to the full decode's embedding: least {min(cosines):.4f}, mean {statistics.mean(cosines):.4f}")


if __name__ == "__main__":
    main()
