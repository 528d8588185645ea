"""Colours of patches laid over a picture of any size, so that they end where its edges are."""

import cv2
import numpy as np

from indexer.types import Floats
from tuner.repair.lab import coloured, to_lab
from tuner.repair.sizes import resized, within
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
    size = within((height, width), _SIDE)
    guide = to_lab(resized(rgb, size))[..., 0] / np.float32(100)
    slope, offset = (resized(each, (height, width)) for each in _guided(guide, resized(chroma, size)))
    outcome = np.empty_like(rgb)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        work.step(top, height, "laying the colours over the picture")
        part = slice(top, top + rows)
        lightness = to_lab(rgb[part])[..., 0]
        outcome[part] = coloured(lightness, slope[part] * (lightness[..., None] / np.float32(100)) + offset[part])
    return outcome


def _guided(guide: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Slope and offset [h, w, 2] by which values [h, w, 2] follow the guide [h, w] around each pixel."""

    def mean(array: Floats) -> Floats:
        return np.asarray(cv2.blur(array, (2 * _RADIUS + 1,) * 2, borderType=cv2.BORDER_REFLECT), np.float32)

    lead, centre, level = guide[..., None], mean(guide)[..., None], mean(values)
    variance = np.maximum(mean(guide**2)[..., None] - centre**2, 0)
    slope = (mean(values * lead) - level * centre) / (variance + np.float32(_SMOOTHNESS))
    return mean(slope), mean(level - slope * centre)
