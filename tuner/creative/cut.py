"""`cut`: the subject of a picture without its background."""

from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from tuner.creative.subject import parse_box, subject_alpha
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work


class CutParameters(Parameters):
    """What is kept, and what takes the background's place."""

    box: str = Field("", description="x,y,w,h in pixels: a box around the subject; empty finds what stands out")
    background: Literal["transparent", "white", "black", "blur", "grey"] = Field(
        "transparent", description="what takes the background's place; grey takes only its colours away"
    )


def cut(picture: Raster, parameters: CutParameters, work: Work) -> Raster:
    """The subject, on what `background` names; with `transparent`, cut by the outcome's alpha."""
    work.step(0, 2, "finding the subject")
    alpha = subject_alpha(picture, parse_box(parameters.box, picture.size) if parameters.box else None)
    work.step(1, 2, "replacing the background")
    if parameters.background == "transparent":
        own = alpha if picture.alpha is None else alpha * picture.alpha
        return Raster(picture.rgb, own, picture.depth)
    behind = _background(picture, parameters.background)
    return picture.with_rgb(behind + alpha[..., np.newaxis] * (picture.rgb - behind))


def _background(picture: Raster, kind: str) -> np.ndarray:
    if kind in ("white", "black"):
        return np.full_like(picture.rgb, float(kind == "white"))
    if kind == "grey":
        return np.repeat(cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY)[..., np.newaxis], 3, axis=2)
    return np.asarray(cv2.GaussianBlur(picture.rgb, (0, 0), max(1.0, max(picture.size) / 60)))


OPERATION = Operation(
    name="cut",
    summary="cut the subject out of its background",
    task="compose",
    parameters=CutParameters,
    apply=cut,
    methods=(Method("grabcut", "GrabCut (Rother et al. 2004), its outline refined by a guided filter", 0.5, 40),),
    tiles=False,
)
