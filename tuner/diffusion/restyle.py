"""A picture painted anew after words, with what it shows kept more or less."""

from pydantic import Field

from indexer.errors import UsageError
from tuner.diffusion.choice import chosen_model
from tuner.diffusion.paint import paint
from tuner.diffusion.parameters import METHODS, DiffusionParameters
from tuner.diffusion.retrieval import RetrievalParameters, enriching, likened
from tuner.diffusion.steering import NETWORKS, SteeringParameters
from tuner.operation import Operation
from tuner.raster import Raster
from tuner.work import Work


class RestyleParameters(DiffusionParameters, RetrievalParameters, SteeringParameters):
    """Parameters of `restyle`."""

    strength: float = Field(
        0.6, ge=0, le=1, description="how far it may go from the picture: 0 leaves it, 1 keeps next to nothing of it"
    )


def restyle(picture: Raster, parameters: RestyleParameters, work: Work) -> Raster:
    """The picture after the prompt, of its size (image to image: SDEdit, Meng et al. 2022).

    UsageError without a prompt; what `paint` raises.
    """
    if not parameters.prompt:
        raise UsageError("restyle needs a prompt: how shall it look, or what shall it show?")
    model = chosen_model(parameters.model, "picture", work)
    parameters = enriching(parameters, work)
    ask = parameters.ask(work, picture=picture, strength=parameters.strength)
    ask = parameters.steered(likened(parameters, ask, model, work), work, picture)
    return paint(model, ask, work)


OPERATION = Operation(
    name="restyle",
    summary="paint it anew after what you say, by a diffusion model",
    task="generate",
    parameters=RestyleParameters,
    apply=restyle,
    methods=METHODS,
    source="trainedAlgorithmicMedia",
    tiles=False,
    references=("like", "control_from"),
    files=("lora",),
    models=("model", *NETWORKS),
    needs=("prompt",),
)
"""restyle"""
