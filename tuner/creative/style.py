"""A picture in the style of another, or in one of the named styles that need none."""

from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.creative.carry import carried, with_luminance
from tuner.creative.presets import PRESETS, apply_preset
from tuner.creative.transport import fitted, match_colours, transported
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work

PresetName = Literal["pencil", "ink", "watercolour", "oil", "sepia", "duotone", "pop-art", "film"]


class StyleParameters(Parameters):
    """How it shall look. Exactly one of `reference` and `preset` has to be given."""

    reference: str | None = Field(None, description="picture whose style is taken: `12`, `#12` or a file")
    preset: PresetName | None = Field(None, description="a named style, in place of a reference")
    method: Literal["auto", "gatys", "fast", "transport", "filter"] = Field(
        "auto",
        description="gatys is the best, fast takes seconds, transport needs no network; filter is what presets are",
    )
    strength: float = Field(1.0, ge=0, le=1, description="share of the outcome, the rest being the picture itself")
    keep_colours: bool = Field(False, description="take the brush and not the colours of the reference")
    alpha: float = Field(1.0, ge=0, le=1000, description="weight of the content loss")
    beta: float = Field(30.0, gt=0, le=100_000, description="weight of the style loss")
    steps: int = Field(200, ge=1, le=5000, description="steps of the optimiser, over all sizes")
    size: int = Field(512, ge=64, le=2048, description="longer side in pixels that the style is worked out at")
    detail: float = Field(
        0.5, ge=0, le=1, description="share of the picture's own fine detail, where it is larger than `size`"
    )
    features: Literal["auto", "vgg19", "embedded"] = Field(
        "auto", description="network that compares: vgg19 where it was pulled, or the embedded encoder's"
    )

    @model_validator(mode="before")
    @classmethod
    def _presets_are_filters(cls, given: Any) -> Any:
        """`auto` means the filters where a preset is asked for."""
        if isinstance(given, dict) and given.get("preset") and given.get("method", "auto") == "auto":
            return {**given, "method": "filter"}
        return given


def apply(picture: Raster, parameters: StyleParameters, work: Work) -> Raster:
    """The restyled picture; UsageError where not exactly one of reference and preset is given."""
    if (parameters.reference is None) == (parameters.preset is None):
        raise UsageError(f"style needs either a reference (a picture) or a preset: {', '.join(PRESETS)}.")
    if (parameters.preset is None) == (parameters.method == "filter"):
        raise UsageError("style: the method filter is that of presets, and the others need a reference; leave it out.")
    if parameters.preset is not None:
        made = apply_preset(parameters.preset, picture.rgb, work)
        if parameters.keep_colours:
            made = with_luminance(picture.rgb, made)
    else:
        made = _like(picture, _opened(parameters, work), parameters, work)
    if parameters.strength < 1:
        made *= np.float32(parameters.strength)
        made += np.float32(1 - parameters.strength) * picture.rgb
    return picture.with_rgb(made)


def _opened(parameters: StyleParameters, work: Work) -> Floats:
    if work.pictures is None or parameters.reference is None:
        raise UsageError("style: there is no collection here to take the reference from; use a preset.")
    return work.pictures.open(parameters.reference, max_side=2 * parameters.size).rgb


def _like(picture: Raster, reference: Floats, parameters: StyleParameters, work: Work) -> Floats:
    """The picture [h, w, 3] in the style of the reference, worked out small and carried to full size."""
    longest = max(picture.size)
    small = fitted(picture.rgb, parameters.size) if longest > parameters.size else picture.rgb
    style = match_colours(reference, small) if parameters.keep_colours else reference
    made = transported(small, style, work)
    if parameters.method != "transport" and not work.preview:
        made = _optimised(small, style, made, parameters, work)
    outcome = carried(picture.rgb, small, made, parameters.detail)
    return with_luminance(picture.rgb, outcome) if parameters.keep_colours else outcome


def _optimised(small: Floats, style: Floats, start: Floats, parameters: StyleParameters, work: Work) -> Floats:
    from tuner.creative.gatys import Recipe, load_features, quickly_restyled, restyled

    vgg19 = None if parameters.features == "embedded" else work.model("vgg19")
    if parameters.features == "vgg19" and vgg19 is None:
        raise UsageError("style: the features vgg19 aren't here: `pixloom models pull vgg19`.")
    work.step(0, parameters.steps, "loading the network")
    features = load_features(vgg19)
    recipe = Recipe(parameters.alpha, parameters.beta, parameters.steps)
    if parameters.method == "fast":
        return quickly_restyled(small, style, start, features, recipe, work)
    return restyled(small, style, start, features, recipe, work)


OPERATION = Operation(
    name="style",
    summary="show it in the style of another picture, or as a drawing, painting, print or film",
    task="style",
    parameters=StyleParameters,
    apply=apply,
    methods=(
        Method(
            "gatys",
            "content and style losses over a network's features minimised (Gatys et al. 2016), coarse to fine",
            seconds=45,
            memory=900,
            source="compositeWithTrainedAlgorithmicMedia",
        ),
        Method(
            "fast",
            "a few steps of it on a small copy, carried to full size",
            seconds=5,
            memory=150,
            source="compositeWithTrainedAlgorithmicMedia",
        ),
        Method("transport", "optimal transport of colours and patches (Rabin et al. 2011)", seconds=1.5, memory=80),
        Method("filter", "presets: classical filters, no reference", seconds=0.7, memory=80),
    ),
    references=("reference",),
)
"""style"""
