"""Blur kernels (point spread functions): by formula, or from a picture of one; [n, n] float32 that sum to one."""

import cv2
import numpy as np

from indexer.errors import TuneError
from indexer.types import Floats

MAX_SIDE = 129
"""Pixels a side of the largest kernel that is read."""
FINE = 8
"""Samples a side of each pixel of a disk."""


def gaussian(sigma: float) -> Floats:
    """A blur by a bell of that standard deviation in pixels."""
    radius = max(1, round(4 * sigma))
    line = np.exp(-np.square(np.arange(-radius, radius + 1)) / (2 * sigma**2))
    return _normal(np.outer(line, line))


def disk(radius: float) -> Floats:
    """A lens out of focus: a disk of that radius in pixels, its border smooth."""
    side = int(np.ceil(radius - 0.5)) * 2 + 1
    places = (np.arange(side * FINE) + 0.5) / FINE - side / 2
    inside = np.square(places)[:, None] + np.square(places)[None, :] <= radius**2
    return _normal(inside.reshape(side, FINE, side, FINE).mean(axis=(1, 3)))


def motion(length: float, angle: float) -> Floats:
    """A camera moved evenly over that many pixels; `angle` in degrees, from the right anticlockwise."""
    side = int(np.ceil(length / 2 + 0.5)) * 2 + 1
    steps = max(1, int(np.ceil(length)) * FINE)
    along = ((np.arange(steps) + 0.5) / steps - 0.5) * length
    turned = np.deg2rad(angle)
    x, y = side // 2 + along * np.cos(turned), side // 2 - along * np.sin(turned)
    kernel = np.zeros((side, side))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):  # each sample is shared out to the four pixels around it
        for right in (0, 1):
            share = (1 - np.abs(x - left - right)) * (1 - np.abs(y - top - down))
            inside = share > 0
            np.add.at(kernel, (top[inside] + down, left[inside] + right), share[inside])
    return _normal(kernel)


def from_picture(grey: Floats) -> Floats:
    """A kernel from a small grey picture [h, w], brighter where more light went; padded to an odd square.

    TuneError for one that is black, or larger than MAX_SIDE.
    """
    if max(grey.shape) > MAX_SIDE:
        raise TuneError(f"The picture of the kernel is larger than {MAX_SIDE} pixels a side: crop or reduce it.")
    if not grey.sum() > 0:
        raise TuneError("The picture of the kernel is black: it must be bright where the light went.")
    side = max(grey.shape) | 1
    above, before = (side - grey.shape[0]) // 2, (side - grey.shape[1]) // 2
    below, behind = side - grey.shape[0] - above, side - grey.shape[1] - before
    return _normal(np.pad(grey, ((above, below), (before, behind))))


def blurred(channels: Floats, kernel: Floats) -> Floats:
    """[h, w] or [h, w, c] convolved with a kernel, reflected at the edges: what a deblurring has to undo."""
    flipped = np.ascontiguousarray(kernel[::-1, ::-1])
    return cv2.filter2D(channels, -1, flipped, borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)


def transfer(kernel: Floats, shape: tuple[int, int]) -> np.ndarray:
    """Its Fourier transform [h, w // 2 + 1] for pictures of that shape, centred on the first pixel."""
    padded = np.zeros(shape, np.float32)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.fft.rfft2(np.roll(padded, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), axis=(0, 1)))


def _normal(kernel: np.ndarray) -> Floats:
    normal: Floats = (kernel / kernel.sum()).astype(np.float32)
    return normal
