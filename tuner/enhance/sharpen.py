"""Edges made crisper, without raising noise and without halos."""

import cv2
import numpy as np
from pydantic import Field

from indexer.types import Floats
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster, luminance
from tuner.tiles import tiled
from tuner.work import Work

_SAMPLE = 1024


class SharpenParameters(Parameters):
    """An unsharp mask."""

    amount: float = Field(0.8, ge=0, le=5, description="how much of what differs from the surroundings is added again")
    radius: float = Field(1.2, ge=0.3, le=20, description="standard deviation of the surroundings, in pixels")
    threshold: float | None = Field(
        None, ge=0, le=0.2, description="differences below it (0..1) stay; none given: twice the noise of the picture"
    )
    halo: float = Field(
        0.25, ge=0, le=1, description="of what goes beyond the range of neighbours, how much stays: 1 all, 0 no halos"
    )


def sharpen(picture: Raster, parameters: SharpenParameters, work: Work) -> Raster:
    """Add to luma what distinguishes it from its surroundings; hues stay.

    Noise is estimated from flat parts, so that they stay as they are.
    """
    threshold = parameters.threshold
    if threshold is None:
        threshold = 2 * _noise(picture.rgb)
    reach = int(np.ceil(3 * parameters.radius))

    def apply(rgb: Floats) -> Floats:
        return _sharpened(rgb, parameters, threshold, reach)

    return picture.with_rgb(tiled(apply, picture.rgb, work, halo=2 * reach, what="sharpening"))


def _sharpened(rgb: Floats, parameters: SharpenParameters, threshold: float, reach: int) -> Floats:
    """One part of a picture."""
    luma = luminance(rgb)
    side = 2 * reach + 1
    around = cv2.GaussianBlur(luma, (side, side), parameters.radius, borderType=cv2.BORDER_REFLECT)
    difference = luma - around
    # From nothing at the threshold to all at twice the threshold, without a step.
    weight = np.clip(np.abs(difference) / max(threshold, 1e-9) - 1, 0, 1)
    made = luma + np.float32(parameters.amount) * weight * difference
    if parameters.halo < 1:
        near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, reach // 2) + 1,) * 2)
        within = np.clip(made, cv2.erode(luma, near), cv2.dilate(luma, near))
        made = within + np.float32(parameters.halo) * (made - within)
    return np.asarray(rgb + (made - luma)[..., None], np.float32)


def _noise(rgb: Floats) -> float:
    """Standard deviation of luma's noise, 0..1, in the flattest tenth of the blocks of a large part of the picture."""
    height, width = rgb.shape[:2]
    top, left = max(0, (height - _SAMPLE) // 2), max(0, (width - _SAMPLE) // 2)
    luma = luminance(rgb[top : top + _SAMPLE, left : left + _SAMPLE])
    if min(luma.shape) < 8:
        return 0.0
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    power = np.square(cv2.filter2D(luma, -1, kernel))
    blocks = cv2.resize(power, (luma.shape[1] // 8, luma.shape[0] // 8), interpolation=cv2.INTER_AREA)
    return float(np.sqrt(np.quantile(blocks, 0.1)))


OPERATION = Operation(
    name="sharpen",
    summary="make edges crisper, by an unsharp mask of luma that leaves noise and suppresses halos",
    task="enhance",
    parameters=SharpenParameters,
    apply=sharpen,
    methods=(Method("unsharp", "an unsharp mask with a threshold above the noise", seconds=0.1, memory=40),),
)
