"""Further pictures like a picture."""

from pydantic import Field

from tuner.diffusion.paint import paint
from tuner.diffusion.parameters import METHODS, DiffusionParameters
from tuner.operation import Operation
from tuner.raster import Raster
from tuner.work import Work


class VariationsParameters(DiffusionParameters):
    """Parameters of `variations`. The prompt may be left out; another seed gives another variation."""

    strength: float = Field(
        0.5, ge=0, le=1, description="how far it may go from the picture: 0 leaves it, 1 keeps next to nothing of it"
    )


def variations(picture: Raster, parameters: VariationsParameters, work: Work) -> Raster:
    """Another picture much like it, of its size, with or without words. Raises what `paint` raises."""
    return paint(parameters.model, parameters.ask(work, picture=picture, strength=parameters.strength), work)


OPERATION = Operation(
    name="variations",
    summary="make another picture much like it, by a diffusion model",
    task="generate",
    parameters=VariationsParameters,
    apply=variations,
    methods=METHODS,
    source="trainedAlgorithmicMedia",
    tiles=False,
    files=("lora",),
    models=("model",),
)
"""variations"""
