"""Haze and mist thinned: what is far away gets its contrast and colour back."""

from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import Field

from indexer.types import Floats
from tuner.enhance.light import in_strips, reduced
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster, luminance
from tuner.work import Work

_SIDE = 512
_CLEAR, _HAZY = 0.02, 0.12
"""Twentieth part of the dark channel: at or below the first a picture has no haze, from the second on it surely has.

Of 150 photographs of Flickr8k three in four have 0 there, nine in ten less than 0.04."""
_LEAST = 0.15
"""Of light from things that must come through for them to be brought back."""


class DehazeParameters(Parameters):
    """How much haze goes."""

    strength: float | None = Field(
        None, ge=0, le=1, description="how much of the haze goes, 0..1; none given: by how surely there is some"
    )
    patch: float = Field(
        0.03, ge=0.005, le=0.2, description="side of the patches that hold something dark, as a part of the picture's"
    )


@dataclass(frozen=True, slots=True)
class Haze:
    """Haze of one picture: its colour, and how it hides each pixel."""

    air: Floats
    """[3], 0..1: what is infinitely far away looks like this."""
    veil: Floats
    """[h, w] of a reduced copy, 0..1: how much of the air's light lies over each pixel."""

    @property
    def certainty(self) -> float:
        """0 (clear) .. 1: whether even the darkest parts are veiled."""
        least = float(np.quantile(self.veil, 0.05))
        return float(np.clip((least - _CLEAR) / (_HAZY - _CLEAR), 0, 1))


def dehaze(picture: Raster, parameters: DehazeParameters, work: Work) -> Raster:
    """Take out haze by the dark channel prior (He et al. 2011): in clear air each patch has something nearly black.

    Haze is estimated on a reduced copy and refined along the edges of the picture by a guided filter, whose
    coefficients are scaled up (He and Sun 2015). Without a given strength, a picture in clear air hardly changes.
    """
    small = reduced(picture.rgb, _SIDE)
    haze = find_haze(small, parameters.patch)
    strength = 0.95 * haze.certainty if parameters.strength is None else parameters.strength
    if strength == 0:
        return picture.with_rgb(picture.rgb)
    slope, offset = _along_edges(haze.veil, luminance(small), max(1, max(small.shape) // 16), 1e-3)
    width, height = picture.size
    planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in (slope, offset)]
    joined = np.dstack([picture.rgb, *planes])

    def apply(part: Floats) -> Floats:
        rgb = part[..., :3]
        veil = np.clip(part[..., 3] * luminance(rgb) + part[..., 4], 0, 1)
        through = np.maximum(1 - np.float32(strength) * veil, np.float32(_LEAST))[..., None]
        return np.dstack([(rgb - haze.air) / through + haze.air, part[..., 3:]])

    return picture.with_rgb(in_strips(apply, joined, work, "thinning haze")[..., :3])


def find_haze(rgb: Floats, patch: float = 0.03) -> Haze:
    """The haze of [h, w, 3] in 0..1; patches have that part of the longer side."""
    side = max(1, round(patch * max(rgb.shape[:2]))) | 1
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (side, side))
    dark = cv2.erode(np.ascontiguousarray(rgb.min(2)), square)
    # Air shows where haze is thickest: the thousandth of pixels with the highest dark channel.
    most = dark.ravel().argsort()[-max(1, dark.size // 1000) :]
    air = np.maximum(rgb.reshape(-1, 3)[most].mean(0), np.float32(0.1))
    veil = cv2.erode(np.ascontiguousarray((rgb / air).min(2)), square)
    return Haze(np.asarray(air, np.float32), np.clip(veil, 0, 1))


def _along_edges(values: Floats, guide: Floats, radius: int, blur: float) -> tuple[Floats, Floats]:
    """Coefficients of the guided filter (He et al. 2013): values are about slope * guide + offset, all [h, w]."""

    def mean(plane: Floats) -> Floats:
        return np.asarray(cv2.blur(plane, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT), np.float32)

    guides, means = mean(guide), mean(values)
    covariance = mean(np.asarray(guide * values, np.float32)) - guides * means
    variance = mean(np.asarray(guide * guide, np.float32)) - guides * guides
    slope = np.asarray(covariance / (variance + np.float32(blur)), np.float32)
    return mean(slope), mean(np.asarray(means - slope * guides, np.float32))


OPERATION = Operation(
    name="dehaze",
    summary="thin haze and mist, more the further away things are",
    task="enhance",
    parameters=DehazeParameters,
    apply=dehaze,
    methods=(Method("dark-channel", "the dark channel prior (He et al. 2011), as sure as it can be", 0.3, 56),),
)
