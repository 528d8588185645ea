"""`upscale`: a picture with two, three or four times as many pixels a side."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.enhance.enlarge import enlarged, resized
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster, is_grey
from tuner.work import Work

DIFFUSION = "diffusion"
DETAIL = "sharp focus, fine detail"
"""What a diffusion model is told where no prompt is given."""


class UpscaleParameters(Parameters):
    """How `upscale` is done."""

    factor: int = Field(2, ge=2, le=4, description="times as many pixels a side")
    method: Literal[
        "auto",
        "dat-light-x2",
        "dat-light-x3",
        "dat-light-x4",
        "realesr-general-x4v3",
        "realesrgan-x4plus",
        "weights",
        "quick",
        "diffusion",
    ] = Field(
        "auto",
        description="auto: a file of weights where one is given, else dat-light of this factor where it was pulled, "
        "else quick; a network of a larger factor is reduced to the one asked for; diffusion gives what came of auto "
        "detail that it invents",
    )
    weights: str = Field(
        "", max_length=4096, description="path of weights of an enlarging network, of any architecture of spandrel's"
    )
    prompt: str = Field("", max_length=100_000, description="for diffusion: what the picture shows, in words")
    strength: float = Field(
        0.25, ge=0, le=1, description="for diffusion: how far its detail may go from the enlarged picture's"
    )
    model: str = Field(
        "auto",
        max_length=4096,
        description="for diffusion: a name of `pixloom models --for generate`, a hub id ORG/NAME, a folder, or a file "
        "of weights",
    )


class Upscale(Operation):
    """The operation, whose best method depends on the factor."""

    def resolve(self, parameters: Parameters, work: Work) -> Method:
        """As any operation's, but `auto` is the model of this very factor."""
        assert isinstance(parameters, UpscaleParameters), "the operation's own parameters"
        if parameters.method != "auto":
            return Operation.resolve(self, parameters, work)
        return self.without_invention(parameters, work)

    def without_invention(self, parameters: UpscaleParameters, work: Work) -> Method:
        """The best method that needs no prompt."""
        by_name = {method.name: method for method in self.methods}
        if parameters.weights:
            return by_name["weights"]
        model = f"dat-light-x{parameters.factor}"
        return by_name["quick" if work.preview or work.model(model) is None else model]


def upscale(raster: Raster, parameters: UpscaleParameters, work: Work) -> Raster:
    """The picture enlarged; transparency by bicubic interpolation.

    UsageError for a method whose model isn't here or enlarges less than asked, NotFoundError and TuneError for a
    file that holds no enlarging network.
    """
    method = OPERATION.resolve(parameters, work)
    invents = method.name == DIFFUSION
    if invents:
        method = OPERATION.without_invention(parameters, work)
    if method.name == "quick" or work.preview:
        rgb = enlarged(raster.rgb, parameters.factor, work)
        _say_so(parameters, work)
    else:
        path = _weights_of(method, parameters, work)
        rgb = _by_network(path, raster.rgb, parameters.factor, work)
    if invents and not work.preview:
        rgb = _refined(rgb, parameters, work)
    width, height = raster.size[0] * parameters.factor, raster.size[1] * parameters.factor
    alpha = raster.alpha
    if alpha is not None:
        alpha = np.clip(resized(alpha[..., None], width, height)[..., 0], 0, 1)
    return replace(raster.with_rgb(rgb), alpha=alpha)


def _say_so(parameters: UpscaleParameters, work: Work) -> None:
    model = f"dat-light-x{parameters.factor}"
    note = "It was enlarged by the quick method, which uses no network and finds no detail that isn't there."
    if parameters.method == "auto" and work.model(model) is None:
        note += f" For more, `pixloom models pull {model}`."
    work.note(note)


def _weights_of(method: Method, parameters: UpscaleParameters, work: Work) -> Path:
    if method.model is not None:
        path = work.model(method.model)
        assert path is not None, "a method is resolved only where its model is here"
        return path
    if not parameters.weights:
        raise UsageError("upscale: the method weights needs the parameter weights, the path of a file.")
    return Path(parameters.weights).expanduser()


def _by_network(path: Path, rgb: Floats, factor: int, work: Work) -> Floats:
    from tuner.networks.restoration import scale_of, upscale_with  # torch takes seconds to import

    scale = scale_of(path)
    if 1 < scale < factor:
        raise UsageError(f"{path.name} enlarges only {scale} times: ask for factor={scale}, or for another method.")
    outcome = upscale_with(path, rgb, work)
    if scale > factor:
        outcome = resized(outcome, rgb.shape[1] * factor, rgb.shape[0] * factor)
    return _as_grey(outcome) if is_grey(rgb) else outcome


def _refined(rgb: Floats, parameters: UpscaleParameters, work: Work) -> Floats:
    """Detail of a diffusion model in the enlarged picture."""
    from tuner.diffusion.ask import Ask
    from tuner.diffusion.choice import chosen_model
    from tuner.diffusion.paint import paint, side_of
    from tuner.diffusion.refine import refined

    model = chosen_model(parameters.model, "picture", work)
    ask = Ask(parameters.prompt or DETAIL, strength=parameters.strength)
    outcome = refined(rgb, ask, lambda one, part: paint(model, one, part), side_of(model, work), work)
    return _as_grey(outcome) if is_grey(rgb) else outcome


def _as_grey(rgb: Floats) -> Floats:
    return np.repeat(rgb.mean(axis=2, keepdims=True), 3, axis=2)


def _dat(factor: int) -> Method:
    return Method(
        f"dat-light-x{factor}",
        "DAT-light (Chen et al. 2023), a transformer trained to be faithful to the picture",
        seconds=300,
        memory=16 * factor**2,
        model=f"dat-light-x{factor}",
    )


OPERATION = Upscale(
    name="upscale",
    summary="enlarge a picture two, three or four times a side",
    task="enhance",
    parameters=UpscaleParameters,
    apply=upscale,
    methods=(
        *map(_dat, (2, 3, 4)),
        Method(
            "realesr-general-x4v3",
            "Real-ESRGAN's small network (Wang et al. 2021): cleans as it enlarges, and invents detail",
            seconds=40,
            memory=256,
            model="realesr-general-x4v3",
        ),
        Method(
            "realesrgan-x4plus",
            "Real-ESRGAN's large network: cleans as it enlarges, and invents detail",
            seconds=1500,
            memory=256,
            model="realesrgan-x4plus",
        ),
        Method(
            DIFFUSION,
            "enlarged by the best of the others, then given detail part by part by a diffusion model: it invents",
            seconds=1500,
            memory=256,
            source="compositeWithTrainedAlgorithmicMedia",
        ),
        Method("weights", "a file of yours with weights of an enlarging network, by spandrel", seconds=300, memory=256),
        Method(
            "quick",
            "no network: iterative back-projection with edges smoothed along themselves; 2 dB above bicubic",
            seconds=6,
            memory=128,
        ),
    ),
    resizes=True,
    files=("weights",),
    models=("model",),
)
