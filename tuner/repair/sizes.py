"""Pictures and maps at other sizes."""

import cv2
import numpy as np

from indexer.types import Floats

Size = tuple[int, int]
"""Height and width in pixels."""


def within(size: Size, longest: int) -> Size:
    """The size with the same shape whose longer side has at most so many pixels; never enlarged."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resized(values: Floats, size: Size) -> Floats:
    """[h, w] or [h, w, c] at another size: by area where it gets smaller, linear where it gets larger."""
    smaller = size[0] * size[1] < values.shape[0] * values.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    made = np.asarray(cv2.resize(values, (size[1], size[0]), interpolation=way), np.float32)
    return made.reshape(*size, *values.shape[2:])
