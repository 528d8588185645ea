"""Exposure, contrast, highlights, shadows, white balance and colourfulness: automatic, and by hand."""

import numpy as np
from pydantic import Field

from indexer.types import Floats
from tuner.enhance.light import in_strips, reduced, to_linear, to_stored
from tuner.enhance.white import find_cast, gains_by_hand
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster, luminance
from tuner.work import Work

_SIDE = 256
_DARK, _BRIGHT = 0.02, 0.97
"""Where automatic contrast puts the first and the last hundredth of luma."""
_MIDDLE = 0.43
"""Median luma of photographs (measured on 2,600 of Flickr8k, where it is 0.434 on average)."""


class ToneParameters(Parameters):
    """What is set by hand comes on top of what is found automatically."""

    automatic: bool = Field(True, description="find exposure, contrast and white balance from the picture")
    limit: float = Field(0.5, ge=0, le=1, description="how far automatic changes go: 0 not at all, 1 all the way")
    exposure: float = Field(0.0, ge=-5, le=5, description="stops of light more (or less)")
    contrast: float = Field(0.0, ge=-1, le=1, description="steeper (or flatter) about the middle: -1 is half, 1 twice")
    highlights: float = Field(0.0, ge=-1, le=1, description="bright parts brighter (or darker)")
    shadows: float = Field(0.0, ge=-1, le=1, description="dark parts brighter (or darker)")
    temperature: float = Field(0.0, ge=-1, le=1, description="warmer (or cooler): red against blue, a stop at 1")
    tint: float = Field(0.0, ge=-1, le=1, description="more magenta (or green): half a stop at 1")
    saturation: float = Field(0.0, ge=-1, le=1, description="all colours stronger: -1 is grey, 1 twice as far from it")
    vibrance: float = Field(0.0, ge=-1, le=1, description="weak colours stronger, strong ones less so")


def tone(picture: Raster, parameters: ToneParameters, work: Work) -> Raster:
    """Change light and colour, pixel by pixel. With `automatic` off and all else 0 the picture comes back as it is.

    What is automatic is found on a reduced copy: white balance by `find_cast`, which gives up where the light may be
    meant to be coloured; black and white points and the middle from percentiles of luma.
    """
    small = reduced(picture.rgb, _SIDE)
    gains = gains_by_hand(parameters.temperature, parameters.tint) * np.float32(2**parameters.exposure)
    low, high, power = 0.0, 1.0, 1.0
    if parameters.automatic:
        cast = find_cast(small)
        gains = gains * cast.gains ** np.float32(2 * parameters.limit * cast.confidence)
        low, high, power = _levels(_with_gains(small, gains), parameters.limit)

    def apply(rgb: Floats) -> Floats:
        made = _with_gains(rgb, gains)
        if (low, high, power) != (0.0, 1.0, 1.0):
            made = np.clip((made - np.float32(low)) / np.float32(high - low), 0, 1) ** np.float32(power)
        return _coloured(_bent(made, parameters), parameters)

    return picture.with_rgb(in_strips(apply, picture.rgb, work, "tone"))


def _levels(rgb: Floats, limit: float) -> tuple[float, float, float]:
    """Black point, white point and the power of the middle, each at most `limit` of the way to what is usual.

    Points that would clip are never moved: a picture that already spans the range keeps it. Nor is one that is flat.
    """
    dark, middle, bright = np.quantile(luminance(rgb), (0.01, 0.5, 0.99))
    if bright - dark < 0.05:
        return 0.0, 1.0, 1.0
    stretch = (_BRIGHT - _DARK) / (bright - dark)
    low = limit * max(0.0, dark - _DARK / stretch)
    high = 1 - limit * max(0.0, 1 - (bright + (1 - _BRIGHT) / stretch))
    # Strong colours may be full in one channel where luma is far from white: they must not burn out.
    high = max(high, float(np.quantile(rgb.max(2), 0.995)))
    placed = float(np.clip((middle - low) / (high - low), 0.02, 0.98))
    wanted = float(np.clip(np.log(_MIDDLE) / np.log(placed), 0.5, 2))
    # The middle may be meant to be dark or bright: it goes half as far as the ends do.
    return float(low), float(high), wanted ** (limit / 2)


def _with_gains(rgb: Floats, gains: Floats) -> Floats:
    """Light multiplied, channel by channel; gains of 1 change no bit."""
    return rgb if np.all(gains == 1) else np.minimum(to_stored(to_linear(rgb) * gains), 1)


def _bent(rgb: Floats, parameters: ToneParameters) -> Floats:
    """Contrast, highlights and shadows: curves that rise everywhere and keep 0 and 1."""
    made = rgb
    if parameters.contrast:
        slope = np.float32(2**parameters.contrast)
        # Powers mirrored about the middle: steeper there by the slope, flat at the ends, and never clipped.
        made = np.where(made < 0.5, (2 * made) ** slope / 2, 1 - (2 - 2 * np.minimum(made, 1)) ** slope / 2)
    for amount, weight in ((parameters.shadows, 1 - made), (parameters.highlights, made)):
        if amount:
            made = made + np.float32(amount) * made * (1 - made) * weight
    return made


def _coloured(rgb: Floats, parameters: ToneParameters) -> Floats:
    """Distances from grey stretched."""
    if not (parameters.saturation or parameters.vibrance):
        return rgb
    grey = luminance(rgb)[..., None]
    factor: Floats | np.float32 = np.float32(1 + parameters.saturation)
    if parameters.vibrance:
        weak = 1 - (rgb.max(2) - rgb.min(2))[..., None]
        factor = factor * (1 + np.float32(parameters.vibrance) * weak)
    return grey + (rgb - grey) * factor


OPERATION = Operation(
    name="tone",
    summary="change exposure, contrast, highlights, shadows, white balance and colourfulness",
    task="enhance",
    parameters=ToneParameters,
    apply=tone,
    methods=(Method("curves", "percentiles, and shades of grey (Finlayson and Trezzi 2004)", seconds=0.4, memory=16),),
)
