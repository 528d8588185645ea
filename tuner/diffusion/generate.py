"""A picture from words."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from indexer.errors import UsageError
from tuner.diffusion.paint import paint
from tuner.diffusion.parameters import METHODS, DiffusionParameters
from tuner.operation import Operation, number_or_auto
from tuner.raster import Raster
from tuner.work import Work

_Side = Annotated[Annotated[int, Field(ge=16, le=4096)] | Literal["auto"], BeforeValidator(number_or_auto(16, 4096))]


class GenerateParameters(DiffusionParameters):
    """Parameters of `generate`."""

    width: _Side = Field("auto", description="pixels; auto: what the model was made for")
    height: _Side = Field("auto", description="pixels; auto: what the model was made for")


def generate(picture: Raster, parameters: GenerateParameters, work: Work) -> Raster:
    """A picture of what the prompt says; the one that is given isn't looked at.

    UsageError without a prompt; what `paint` raises.
    """
    if not parameters.prompt:
        raise UsageError("generate needs a prompt: what shall it show?")
    width, height = (None if side == "auto" else side for side in (parameters.width, parameters.height))
    return paint(parameters.model, parameters.ask(work, width=width, height=height), work)


OPERATION = Operation(
    name="generate",
    summary="make a picture of what you say, by a diffusion model",
    task="generate",
    parameters=GenerateParameters,
    apply=generate,
    methods=METHODS,
    source="trainedAlgorithmicMedia",
    resizes=True,
    tiles=False,
    files=("lora",),
    models=("model",),
)
"""generate"""
