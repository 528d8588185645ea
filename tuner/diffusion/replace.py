"""What a mask hides is painted anew after words."""

from pydantic import Field

from indexer.errors import UsageError
from tuner.diffusion.paint import paint
from tuner.diffusion.parameters import METHODS, DiffusionParameters
from tuner.operation import Operation
from tuner.raster import Raster
from tuner.repair.masks import MaskParameters, feathered, read_mask
from tuner.work import Work


class ReplaceParameters(DiffusionParameters, MaskParameters):
    """Parameters of `replace`."""

    strength: float = Field(
        1.0, ge=0, le=1, description="how far the masked part may go from what is there: 0 leaves it, 1 keeps nothing"
    )


def replace(picture: Raster, parameters: ReplaceParameters, work: Work) -> Raster:
    """The masked pixels, and the feather around them, after the prompt; every other pixel stays exactly as it is.

    UsageError without a prompt and as `read_mask` raises it; what `paint` raises.
    """
    if not parameters.prompt:
        raise UsageError("replace needs a prompt: what shall be there? To take something away, use erase.")
    mask = feathered(read_mask(parameters, picture, work), round(parameters.feather * work.scale))
    ask = parameters.ask(work, picture=picture, mask=mask, strength=parameters.strength)
    return paint(parameters.model, ask, work)


OPERATION = Operation(
    name="replace",
    summary="put something else where a mask is, by a diffusion model",
    task="generate",
    parameters=ReplaceParameters,
    apply=replace,
    methods=METHODS,
    source="compositeWithTrainedAlgorithmicMedia",
    tiles=False,
    references=("mask",),
    files=("lora",),
    models=("model",),
    needs=("prompt",),
)
"""replace"""
