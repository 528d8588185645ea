"""Pictures made to fit a size: cropped to fill it, never stretched."""

import cv2
import numpy as np

from indexer.types import Floats


def resized(rgb: Floats, size: tuple[int, int]) -> Floats:
    """[h, w, ...] -> [height, width, ...] for `size` (width, height): by area where it shrinks, else bicubic; 0..1."""
    shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
    scaled = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.clip(scaled, 0, 1).astype(np.float32, copy=False)


def filling(rgb: Floats, size: tuple[int, int]) -> Floats:
    """The largest middle part of the shape of `size` (width, height), scaled to it."""
    height, width = rgb.shape[:2]
    scale = min(width / size[0], height / size[1])
    across, down = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = (width - across) // 2, (height - down) // 2
    return resized(np.ascontiguousarray(rgb[top : top + down, left : left + across]), size)


def colour(text: str) -> Floats:
    """`#rrggbb` -> three floats 0..1."""
    return np.array([int(text[place : place + 2], 16) / 255 for place in (1, 3, 5)], np.float32)
