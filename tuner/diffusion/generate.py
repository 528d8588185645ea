"""A picture from words."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from indexer.errors import UsageError
from tuner.creative.compose import ComposeParameters, compose
from tuner.diffusion.choice import chosen_model, native_side
from tuner.diffusion.paint import paint
from tuner.diffusion.parameters import METHODS, DiffusionParameters
from tuner.diffusion.progressive import progressive
from tuner.diffusion.retrieval import RetrievalParameters, enriching, likened
from tuner.diffusion.steering import NETWORKS, SteeringParameters
from tuner.operation import Method, Operation, number_or_auto
from tuner.raster import Raster
from tuner.work import Work

_Side = Annotated[Annotated[int, Field(ge=16, le=4096)] | Literal["auto"], BeforeValidator(number_or_auto(16, 4096))]


_COMPOSE = Method(
    "compose",
    "pictures of the collection that the prompt finds, put together: no model",
    seconds=2,
    memory=100,
    source="compositeCapture",
)
_OTHERWISE = ", or `pixloom generate PROMPT -p method=compose` puts together what your collection has for it"


class GenerateParameters(DiffusionParameters, RetrievalParameters, SteeringParameters, ComposeParameters):
    """Parameters of `generate`."""

    method: Literal["auto", "diffusion", "compose"] = Field(
        "auto", description="diffusion needs a model; compose puts together pictures of your collection"
    )
    progressive: bool = Field(False, description="make it small first, then enlarge and refine it")

    width: _Side = Field("auto", description="pixels; auto: what the model was made for")
    height: _Side = Field("auto", description="pixels; auto: what the model was made for")


def generate(picture: Raster, parameters: GenerateParameters, work: Work) -> Raster:
    """A picture of what the prompt says; the one that is given isn't looked at.

    UsageError without a prompt, or where no model is here; what `paint` raises, and `compose` for that method.
    """
    if not parameters.prompt:
        raise UsageError("generate needs a prompt: what shall it show?")
    width, height = (None if side == "auto" else side for side in (parameters.width, parameters.height))
    if OPERATION.resolve(parameters, work).name == _COMPOSE.name:
        return compose(parameters.prompt, parameters, (width, height), work)
    model = chosen_model(parameters.model, "picture" if parameters.like else "text", work, _OTHERWISE)
    parameters = enriching(parameters, work)
    ask = likened(parameters, parameters.ask(work, width=width, height=height), model, work)
    ask = parameters.steered(ask, work)
    if not parameters.progressive or work.preview:
        return paint(model, ask, work)
    side = native_side(model)
    return progressive(model, ask, (width or height or side, height or width or side), work)


OPERATION = Operation(
    name="generate",
    summary="make a picture of what you say, by a diffusion model",
    task="generate",
    parameters=GenerateParameters,
    apply=generate,
    methods=(*METHODS, _COMPOSE),
    source="trainedAlgorithmicMedia",
    resizes=True,
    tiles=False,
    references=("like", "control_from"),
    files=("lora",),
    models=("model", *NETWORKS),
    needs=("prompt",),
    from_nothing=True,
)
"""generate"""
