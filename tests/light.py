"""Pictures with something of everything in them, for tests of light and sharpness."""

import numpy as np
import skimage.data

from indexer.config import Settings
from indexer.types import Floats
from tuner.work import Work


def photograph(side: int = 256) -> Floats:
    """A real photograph [side, side, 3], 0..1, that ships with scikit-image."""
    rgb = skimage.data.astronaut()[:: 512 // side, :: 512 // side].astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(rgb)


def work(tile: int = 1024, preview: bool = False) -> Work:
    return Work(Settings(), tile=tile, preview=preview)
