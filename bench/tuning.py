"""How quick previews are, and how much memory a large picture takes: `python bench/tuning.py FOLDER [OPERATION...]`.

Previews: whole calls over real pictures of FOLDER at 512 pixels, decoding and encoding included, each with parameters
that were not asked before; the median of five after a first. The limit is 300 ms. Memory: the peak of a process of its
own that does an operation on a made-up picture of 24 megapixels; the limit is 2 GiB.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from indexer.collection import Collection
from indexer.config import Settings
from search.engine import Engine
from tuner.operations import get_operation, read_parameters
from tuner.pictures import CollectionPictures
from tuner.previews import Previews
from tuner.raster import Raster
from tuner.work import Work

PREVIEWED = {
    "tone": [{"exposure": 0.1 * step} for step in range(1, 7)],
    "lowlight": [{"strength": 1 - 0.01 * step} for step in range(6)],
    "denoise": [{"sigma": 10 + step} for step in range(6)],
    "sharpen": [{"amount": 0.5 + 0.1 * step} for step in range(6)],
    "palette": [{"colours": "#1b3a4b, #f2e8cf, #a44a3f", "strength": 1 - 0.01 * step} for step in range(6)],
}
LARGE = (*PREVIEWED, "dehaze", "scratches", "inpaint", "cut", "double-exposure", "upscale", "deblur", "dejpeg")
NEEDS = {
    "tone": {"exposure": 0.5},
    "denoise": {"sigma": 20, "effort": "quick"},
    "dejpeg": {"quality": 40, "effort": "quick"},
    "palette": {"colours": "#1b3a4b, #f2e8cf, #a44a3f"},
    "inpaint": {"box": "1000,1000,200,150"},
    "cut": {"box": "500,500,3000,2500"},
    "double-exposure": {"reference": "1"},
    "deblur": {"kernel": "gaussian", "radius": 1.5},
    "dehaze": {"strength": 0.5},
}


class Second:
    def open(self, reference: str, max_side: int | None = None) -> Raster:
        return Raster(np.full((300, 400, 3), 0.5, np.float32))


def previews(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as home, Collection(Settings(home=Path(home))) as collection:
        collection.index([folder])
        looking = Previews(collection, CollectionPictures(collection, Engine(collection)))
        (id,) = collection.catalog.newest(1)
        for name, asked in PREVIEWED.items():
            times = []
            for given in asked:
                started = time.perf_counter()
                looking.preview(id, name, given)
                times.append(1000 * (time.perf_counter() - started))
            print(f"preview {name:10} {statistics.median(times[1:]):6.0f} ms (first {times[0]:.0f} ms)", flush=True)


def large(name: str) -> None:
    """In a process of its own."""
    rng = np.random.default_rng(0)
    coarse = rng.random((40, 60, 3)).astype(np.float32)
    picture = Raster(np.ascontiguousarray(np.kron(coarse, np.ones((100, 100, 1), np.float32))))
    picture.rgb[:] += rng.random(picture.rgb.shape, np.float32) * np.float32(0.1)
    np.clip(picture.rgb, 0, 1, out=picture.rgb)
    operation = get_operation(name)
    work = Work(Settings(home=Path(tempfile.gettempdir()) / "bench"), pictures=Second())  # type: ignore[arg-type]
    started = time.perf_counter()
    operation.apply(picture, read_parameters(operation, NEEDS.get(name, {})), work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"24 megapixels {name:16} {peak:5.2f} GiB {time.perf_counter() - started:7.1f} s", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--large":
        large(sys.argv[2])
    else:
        wanted = sys.argv[2:]
        if not wanted:
            previews(Path(sys.argv[1]))
        for one in wanted or LARGE:
            subprocess.run([sys.executable, __file__, "--large", one], check=False)
