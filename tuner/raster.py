"""A picture as operations take and give it: floats in 0..1, with its transparency and depth beside."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats, Pixels

Depth = Literal[8, 16]


@dataclass(frozen=True, slots=True)
class Raster:
    """An upright picture in sRGB (IEC 61966-2-1), gamma-encoded as stored, not linear light."""

    rgb: Floats
    """[height, width, 3], float32, 0..1; the three are equal where the picture is grey."""
    alpha: Floats | None = None
    """[height, width], float32, 0 (transparent) .. 1; colours are not multiplied by it."""
    depth: Depth = 8
    """Bits per channel that the source had, and the outcome shall have."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @property
    def pixels(self) -> int:
        """How many there are."""
        return int(self.rgb.shape[0] * self.rgb.shape[1])

    def with_rgb(self, rgb: NDArray[np.floating]) -> "Raster":
        """Another picture of the same transparency and depth; values are clipped to 0..1, NaN is left to the guard."""
        return replace(self, rgb=np.clip(rgb, 0, 1).astype(np.float32, copy=False))


def from_bytes(pixels: Pixels, depth: Depth = 8) -> Raster:
    """8-bit [height, width, 3 or 4] -> Raster."""
    values: Floats = pixels.astype(np.float32) / np.float32(255)
    return Raster(np.ascontiguousarray(values[..., :3]), values[..., 3].copy() if values.shape[2] == 4 else None, depth)


def to_bytes(rgb: Floats) -> Pixels:
    """0..1 floats of any shape -> 8 bits, rounded; NaN becomes 0."""
    return np.rint(np.nan_to_num(np.clip(rgb, 0, 1)) * 255).astype(np.uint8)


def luminance(rgb: Floats) -> Floats:
    """Luma of [..., 3] by the weights of ITU-R BT.601, 0..1, of gamma-encoded values."""
    return rgb @ np.array([0.299, 0.587, 0.114], np.float32)


def reduced(raster: Raster, longest: int) -> Raster:
    """The picture scaled down so that its longer side has at most so many pixels; by area, never enlarged."""
    import cv2

    width, height = raster.size
    if max(width, height) <= longest:
        return raster
    scale = longest / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))

    def scaled(values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)

    return Raster(scaled(raster.rgb), None if raster.alpha is None else scaled(raster.alpha), raster.depth)


def is_grey(rgb: Floats) -> bool:
    """Whether the channels of [h, w, 3] are equal everywhere."""
    return bool(np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 0], rgb[..., 2]))
