"""Pictures taken in too little light, as bright as photographs are: I_E = f(I; theta)."""

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from indexer.types import Floats
from tuner.enhance.darkness import Darkness, find_darkness
from tuner.enhance.grain import find_grain, without_grain
from tuner.enhance.light import guided, in_strips, reduced
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.tiles import tiled
from tuner.work import Work

_MAP_SIDE = 512
_SAMPLE = 1024


class LowlightParameters(Parameters):
    """How dark pictures are brightened."""

    method: Literal["auto", "curve", "illumination", "zero-dce"] = Field(
        "auto", description="how: one curve for the whole picture, a map of its illumination, or a network"
    )
    strength: float = Field(
        1.0, ge=0, le=2, description="how far the curve goes: 0 not at all, 1 to where photographs are"
    )
    denoise: float = Field(
        1.0, ge=0, le=2, description="how much noise is taken out before it is brightened: 0 none, 1 what was found"
    )


def lowlight(picture: Raster, parameters: LowlightParameters, work: Work) -> Raster:
    """Brighten a picture that is darker than photographs are; one that isn't hardly changes.

    The curve is estimated on a reduced copy (`find_darkness`); noise is taken out first, where brightening would
    raise it to where it can be seen.
    """
    method = OPERATION.resolve(parameters, work)
    darkness = find_darkness(picture.rgb).scaled(parameters.strength)
    rgb = _denoised(picture, darkness, parameters.denoise, work)
    if method.name == "curve":
        return picture.with_rgb(in_strips(darkness.undo, rgb, work, "brightening"))
    if method.name == "illumination":
        return picture.with_rgb(_by_illumination(rgb, darkness, work))
    return picture.with_rgb(_by_network(rgb, parameters.strength, str(method.model), work))


def _denoised(picture: Raster, darkness: Darkness, amount: float, work: Work) -> Floats:
    """The picture without noise that the curve would raise; mixed with itself where it is rather well-lit."""
    share = min(1.0, 2 * (1 - darkness.lit))
    if amount == 0 or share < 0.1 or min(picture.size) < 2:
        return picture.rgb
    grain = find_grain(_middle(picture.rgb), picture.depth)
    stride = 4 if work.preview else 3

    outcome = np.empty_like(picture.rgb)
    width, height = picture.size
    # Strips begin at multiples of the stride, so that blocks lie where they would in the whole picture.
    rows = max(48, work.tile**2 // width // 12 * 12)
    for top in range(0, height, rows):
        work.step(top, height, "taking out noise")
        above = max(0, top - 12)
        part = picture.rgb[above : top + rows + 12]
        made = part + np.float32(share) * (without_grain(part, grain, 2.5 * amount, stride) - part)
        outcome[top : top + rows] = made[top - above :][:rows]
    return outcome


def _middle(rgb: Floats) -> Floats:
    """A part of a large picture that is enough to know its noise."""
    height, width = rgb.shape[:2]
    top, left = max(0, (height - _SAMPLE) // 2), max(0, (width - _SAMPLE) // 2)
    return np.ascontiguousarray(rgb[top : top + _SAMPLE, left : left + _SAMPLE])


def _by_illumination(rgb: Floats, darkness: Darkness, work: Work) -> Floats:
    """Each pixel multiplied as the curve would its illumination, which is smooth but for edges (Guo et al. 2017).

    Local contrast and hues stay as they are. The map is made on a reduced copy.
    """
    small = reduced(rgb, _MAP_SIDE)
    brightest = small.max(2)
    radius = max(1, max(brightest.shape) // 32)
    light = np.maximum(guided(brightest, brightest, radius, 0.01), brightest * np.float32(0.5))
    gains = darkness.undo(light) / np.maximum(light, np.float32(1 / 255))
    height, width = rgb.shape[:2]
    return _with_gains(rgb, cv2.resize(gains, (width, height), interpolation=cv2.INTER_LINEAR), work)


def _with_gains(rgb: Floats, gains: Floats, work: Work) -> Floats:
    """[h, w, 3] times [h, w], where what would burn out is held back so that its hue stays."""
    joined = np.dstack([rgb, gains])

    def apply(part: Floats) -> Floats:
        made = part[..., :3] * part[..., 3:]
        return np.dstack([made / np.maximum(made.max(2, keepdims=True), 1), part[..., 3:]])

    return in_strips(apply, joined, work, "brightening")[..., :3]


def _by_network(rgb: Floats, strength: float, model: str, work: Work) -> Floats:
    """The network's outcome, mixed with the picture by the strength."""
    from tuner.enhance.curve_network import REACH, load_network

    path = work.model(model)
    assert path is not None, "resolve has seen it"
    brighten: Callable[[Floats], Floats] = load_network(path).brighten
    made = tiled(brighten, rgb, work, halo=REACH, what="brightening")
    return rgb + np.float32(min(strength, 1)) * (made - rgb)


OPERATION = Operation(
    name="lowlight",
    summary="brighten pictures taken in too little light, and takes out the noise that would show",
    task="enhance",
    parameters=LowlightParameters,
    apply=lowlight,
    methods=(
        Method(
            "curve",
            "one curve, from how the picture's brightness is distributed and how photographs' is; noise by DCT",
            seconds=1.2,
            memory=48,
        ),
        Method(
            "illumination",
            "a map of illumination by a guided filter, after LIME (Guo et al. 2017); noise by DCT",
            seconds=1.3,
            memory=64,
        ),
        Method(
            "zero-dce",
            "curves for each pixel by a small network (Zero-DCE, Guo et al. 2020); noise by DCT",
            seconds=2.5,
            memory=700,
            model="zero-dce",
        ),
    ),
)
