"""The noise of sensors in dark pictures: how strong it is at each brightness, and its removal at speed."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats

_SIDE = 8
_MIX: Floats = np.array(
    [np.array([1, 1, 1]) / 3**0.5, np.array([1, 0, -1]) / 2**0.5, np.array([0.5, -1, 0.5]) / 1.5**0.5], np.float32
)
"""Orthonormal: grey, and two differences. Noise keeps its strength, and detail gathers in the first."""
_LEAST = 1e-4
"""Variance over brightness below which noise counts as equal at every brightness."""


@dataclass(frozen=True, slots=True)
class Grain:
    """Variance of noise at brightness x (0..1, as stored) is `slope * x + base`: photons, and the read-out."""

    slope: float
    base: float

    def sigma(self, brightness: float) -> float:
        """Standard deviation there."""
        return float(np.sqrt(self.slope * brightness + self.base))

    def steady(self, values: Floats) -> Floats:
        """Values whose noise has variance 1 at every brightness (the generalised Anscombe transform)."""
        shift = np.float32(self.base + self.slope**2 * 3 / 8)
        if self.slope < _LEAST:
            return values / np.float32(np.sqrt(self.base))
        roots: Floats = np.sqrt(np.maximum(values * np.float32(self.slope) + shift, 0)) * np.float32(2 / self.slope)
        return roots

    def back(self, steady: Floats) -> Floats:
        """Undo `steady` of values whose noise has been removed (the asymptotically unbiased inverse)."""
        if self.slope < _LEAST:
            return steady * np.float32(np.sqrt(self.base))
        return np.square(steady) * np.float32(self.slope / 4) - np.float32(self.base / self.slope + self.slope / 8)


def find_grain(rgb: Floats, depth: int) -> Grain:
    """The noise of [h, w, 3] in 0..1, from the flattest blocks of each brightness.

    The second difference of Immerkaer (1996) leaves out what is smooth; a low quantile over blocks what has texture.
    """
    rounding = (1 / (2**depth - 1)) ** 2 / 12
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    height, width = (side // _SIDE for side in rgb.shape[:2])
    if height * width < 4:
        return Grain(0.0, rounding)
    even = rgb[: height * _SIDE, : width * _SIDE]
    shape = (width, height)
    power = cv2.resize(np.square(cv2.filter2D(even, -1, kernel)), shape, interpolation=cv2.INTER_AREA).ravel()
    mean = cv2.resize(even, shape, interpolation=cv2.INTER_AREA).ravel()
    usable = mean < 0.97  # what is burnt out has lost its noise
    if usable.sum() < 8:
        return Grain(0.0, rounding)
    order = np.argsort(mean[usable])
    bins = np.array_split(order, min(12, len(order) // 4))
    brightness = np.array([mean[usable][one].mean() for one in bins])
    variance = np.array([np.quantile(power[usable][one], 0.1) for one in bins]) * 1.3
    return _line(brightness, variance, rounding)


def _line(brightness: NDArray[np.floating], variance: NDArray[np.floating], least: float) -> Grain:
    """The line through them that weighs relative errors alike, with neither coefficient below zero."""
    weights = 1 / np.maximum(variance, least)
    terms = np.stack([brightness, np.ones_like(brightness)], 1) * weights[:, None]
    (slope, base), *_ = np.linalg.lstsq(terms, variance * weights, rcond=None)
    if slope < 0:
        slope, base = 0.0, np.median(variance)
    elif base < 0:
        slope, base = np.median(variance / np.maximum(brightness, 1e-3)), 0.0
    return Grain(float(slope), max(float(base), least))


def without_grain(rgb: Floats, grain: Grain, threshold: float = 2.5, stride: int = 3) -> Floats:
    """[h, w, 3] in 0..1 without noise weaker than `threshold` deviations; local, within 8 pixels.

    Overlapping blocks of 8 pixels, whose weak DCT coefficients are dropped (Yu and Sapiro 2011), after the noise has
    been made equal everywhere. A longer `stride` between blocks is quicker, and a little worse.
    """
    steady: Floats = grain.steady(rgb) @ _MIX.T
    cleaned: Floats = np.stack([_shrunk(steady[..., channel], threshold, stride) for channel in range(3)], 2)
    mixed: Floats = cleaned @ _MIX
    return grain.back(mixed)


def _shrunk(plane: Floats, threshold: float, stride: int) -> Floats:
    """[h, w] with noise of deviation 1 -> with coefficients of blocks below the threshold left out."""
    height, width = plane.shape
    before = _SIDE - stride
    after = [before + (-side) % stride for side in (height, width)]
    padded = cv2.copyMakeBorder(plane, before, after[0], before, after[1], cv2.BORDER_REFLECT)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE))[::stride, ::stride]
    rows, columns = windows.shape[:2]
    one = cv2.dct(np.eye(_SIDE, dtype=np.float32), flags=cv2.DCT_ROWS).T
    basis = np.kron(one, one)
    blocks = windows.reshape(-1, _SIDE * _SIDE) @ basis.T
    keep = np.abs(blocks) > threshold
    keep[:, 0] = True
    blocks *= keep
    weight = 1 / keep.sum(1, dtype=np.float32)  # blocks that are told in few words are trusted more
    blocks = (blocks * weight[:, None]) @ basis
    total, weights = np.zeros_like(padded), np.zeros_like(padded)
    blocks, weight = blocks.reshape(rows, columns, _SIDE, _SIDE), weight.reshape(rows, columns)
    for row in range(_SIDE):
        for column in range(_SIDE):
            part = np.s_[row : row + rows * stride : stride, column : column + columns * stride : stride]
            total[part] += blocks[:, :, row, column]
            weights[part] += weight
    inner = np.s_[before : before + height, before : before + width]
    return np.asarray(total[inner] / weights[inner], np.float32)
