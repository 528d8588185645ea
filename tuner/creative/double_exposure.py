"""`double-exposure`: two pictures on one frame."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.creative.fitting import filling
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work

_MODES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "screen": lambda below, above: 1 - (1 - below) * (1 - above),
    "multiply": lambda below, above: below * above,
    "lighten": np.maximum,
    "darken": np.minimum,
    "overlay": lambda below, above: np.where(below < 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above)),
    "average": lambda below, above: np.float32(0.5) * (below + above),
}
"""The blend modes of W3C's Compositing and Blending, and the mean that film gives."""
_ROWS = 512
"""Rows that are blended at once: memory stays bounded."""


class DoubleExposureParameters(Parameters):
    """The second picture, and how it is laid over the first."""

    reference: str = Field("", description="the second picture: an id or a file")
    mode: Literal["screen", "multiply", "lighten", "darken", "overlay", "average"] = Field(
        "screen", description="how the two are laid over each other"
    )
    opacity: float = Field(1.0, gt=0, le=1, description="how much of the second picture shows, 0..1")


def double_exposure(picture: Raster, parameters: DoubleExposureParameters, work: Work) -> Raster:
    """The picture with a second one over it, which is cropped to fill the frame. UsageError without a second one."""
    if not parameters.reference or work.pictures is None:
        raise UsageError("double-exposure needs a second picture: -p reference=12, an id or a file.")
    second = filling(work.pictures.open(parameters.reference, 2 * max(picture.size)).rgb, picture.size)
    blend, outcome = _MODES[parameters.mode], np.empty_like(picture.rgb)
    for top in range(0, len(outcome), _ROWS):
        work.step(top, len(outcome), "blending")
        below = picture.rgb[top : top + _ROWS]
        mixed = blend(below, second[top : top + _ROWS])
        outcome[top : top + _ROWS] = below + parameters.opacity * (mixed - below)
    return picture.with_rgb(outcome)


OPERATION = Operation(
    name="double-exposure",
    summary="lay a second picture over this one, as on one frame of film",
    task="compose",
    parameters=DoubleExposureParameters,
    apply=double_exposure,
    methods=(Method("blend", "blend modes of W3C Compositing and Blending", 0.2, 40),),
    source="compositeCapture",
    references=("reference",),
)
