"""What a mask hides is taken away, and what could be behind it painted."""

from dataclasses import replace

from tuner.diffusion.paint import paint
from tuner.diffusion.parameters import METHODS, DiffusionParameters
from tuner.operation import Operation
from tuner.raster import Raster
from tuner.repair.inpaint import fill
from tuner.repair.masks import MaskParameters, feathered, read_mask
from tuner.work import Work

BEHIND = "empty background, the surroundings go on, nothing else"
"""The prompt where none is given."""
STRENGTH = 0.9
"""Below 1, so that what was filled in classically still guides it: a model asked for nothing likes to put something."""


class EraseParameters(DiffusionParameters, MaskParameters):
    """Parameters of `erase`. The prompt, if any, says what lies behind."""


def erase(picture: Raster, parameters: EraseParameters, work: Work) -> Raster:
    """The masked pixels, and the feather around them, filled by what could be behind; every other pixel stays exactly
    as it is.

    The hole is filled smoothly first, so that the model doesn't paint again what it can still see. UsageError as
    `read_mask` raises it; what `paint` raises.
    """
    mask = feathered(read_mask(parameters, picture, work), round(parameters.feather * work.scale))
    hole = mask > 0
    start = picture if hole.all() else picture.with_rgb(fill(picture.rgb, hole, "telea", work))
    ask = parameters.ask(work, picture=start, mask=mask, strength=STRENGTH)
    made = paint(parameters.model, replace(ask, prompt=parameters.prompt or BEHIND), work)
    # The feather mixes with the picture itself, not with what its hole was filled with.
    weight = mask[..., None]
    return picture.with_rgb(picture.rgb + weight * (made.rgb - picture.rgb))


OPERATION = Operation(
    name="erase",
    summary="take away what a mask hides, by a diffusion model",
    task="generate",
    parameters=EraseParameters,
    apply=erase,
    methods=METHODS,
    source="compositeWithTrainedAlgorithmicMedia",
    tiles=False,
    references=("mask",),
    files=("lora",),
    models=("model",),
)
"""erase"""
