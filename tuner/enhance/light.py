"""Light itself, of which stored values are a curve (IEC 61966-2-1), and pictures in strips of few rows."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats
from tuner.work import Work

_ROWS = 256


def to_linear(stored: Floats) -> Floats:
    """sRGB values 0..1 of any shape -> light, 0..1, float32."""
    curved = np.power((np.maximum(stored, 0) + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(stored <= 0.04045, stored / np.float32(12.92), curved)


def to_stored(light: Floats) -> Floats:
    """Light of any shape, at least 0 -> sRGB values; more than 1 stays more than 1."""
    curved = np.float32(1.055) * np.power(np.maximum(light, 0), np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(light <= 0.0031308, light * np.float32(12.92), curved)


def reduced(rgb: Floats, side: int) -> Floats:
    """[h, w, ...] scaled down so that its longer side has that many pixels, each the mean of what it covers."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, shape, interpolation=cv2.INTER_AREA), np.float32)


def in_strips(apply: Callable[[Floats], Floats], rgb: Floats, work: Work, what: str) -> Floats:
    """Apply a method that looks at single pixels, some rows at a time: memory beside the outcome stays small."""
    outcome = np.empty_like(rgb)
    for top in range(0, len(rgb), _ROWS):
        work.step(top, len(rgb), what)
        outcome[top : top + _ROWS] = apply(rgb[top : top + _ROWS])
    return outcome


def guided(values: Floats, guide: Floats, radius: int, blur: float) -> Floats:
    """[h, w] smoothed within `radius` pixels, but not across edges of the guide [h, w] (He et al. 2013).

    Edges whose variance is far above `blur` stay. A pixel depends on others up to twice the radius away.
    """

    def mean(plane: NDArray[np.floating]) -> Floats:
        made = cv2.blur(plane, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)
        return np.asarray(made, np.float32)

    guides, means = mean(guide), mean(values)
    slope = (mean(guide * values) - guides * means) / (mean(guide * guide) - guides * guides + np.float32(blur))
    return mean(slope) * guide + mean(means - slope * guides)
