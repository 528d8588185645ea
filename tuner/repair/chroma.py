"""Colours of patches laid over a picture of any size, so that they end where its edges are."""

import cv2
import numpy as np

from indexer.types import Floats
from tuner.repair.lab import coloured, to_lab
from tuner.work import Work

_SIDE = 448
"""Longest side in pixels at which colours are fitted to edges."""
_RADIUS = 6
_SMOOTHNESS = 0.03**2
"""Variance of lightness (of 0..1) below which a neighbourhood counts as one surface."""
_STRIP = 2**20


def lay_over(rgb: Floats, chroma: Floats, work: Work) -> Floats:
    """Patches' a*, b* [rows, columns, 2] as the colour of [h, w, 3] in 0..1 -> [h, w, 3], its lightness kept.

    By a guided filter (He et al. 2013) led by lightness, whose coefficients are found in small and applied at full size
    (He & Sun 2015), strip by strip.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = to_lab(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))[..., 0] / 100
    slope, offset = _guided(small, cv2.resize(chroma, size, interpolation=cv2.INTER_LINEAR))
    slope, offset = (cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR) for each in (slope, offset))
    outcome = np.empty_like(rgb)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        work.step(top, height, "laying the colours over the picture")
        part = slice(top, top + rows)
        lightness = to_lab(rgb[part])[..., 0]
        outcome[part] = coloured(lightness, slope[part] * (lightness[..., None] / 100) + offset[part])
    return outcome


def _guided(guide: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Slope and offset [h, w, 2] by which values [h, w, 2] follow the guide [h, w] around each pixel."""

    def mean(array: Floats) -> Floats:
        return np.asarray(cv2.blur(array, (2 * _RADIUS + 1,) * 2, borderType=cv2.BORDER_REFLECT), np.float32)

    values, lead = values.reshape(*guide.shape, 2), guide[..., None]
    centre, level = mean(guide)[..., None], mean(values)
    variance = np.maximum(mean(guide**2)[..., None] - centre**2, 0)
    slope = (mean(values * lead) - level * centre) / (variance + np.float32(_SMOOTHNESS))
    return mean(slope), mean(level - slope * centre)
