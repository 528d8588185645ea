"""An old photograph restored in steps, each of which can be left out: scratches, noise, tone, colour."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tuner.operation import Method, Operation, Parameters
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster, luminance
from tuner.work import Work

Step = tuple[str, dict[str, Any]]
"""Name of an operation, and parameters for it."""


class RestoreParameters(Parameters):
    """Parameters of `restore`."""

    scratches: bool = Field(True, description="find and fill scratches, creases and dust")
    sensitivity: float = Field(0.5, ge=0, le=1, description="of the search for scratches: 1 takes faint ones too")
    denoise: bool = Field(True, description="take out grain and noise, as strong as it is found to be")
    tone: bool = Field(True, description="undo fading: contrast and colour cast")
    sepia: Literal["keep", "remove"] = Field(
        "keep", description="remove makes a brown or yellowed picture a neutral black-and-white one"
    )
    colour: bool = Field(False, description="colour a black-and-white picture from the collection")


def restore(picture: Raster, parameters: RestoreParameters, work: Work) -> Raster:
    """The steps that were asked for, one after the other; `work.notes` says what each of them did.

    Errors are those of the step that fails.
    """
    return chain(picture, steps_for(picture, parameters), work)


def steps_for(picture: Raster, parameters: RestoreParameters) -> list[Step]:
    """What will be done, in order. A brown print is toned by one colour: where it shall stay brown, its cast is part
    of it and not corrected."""
    steps: list[Step] = []
    if parameters.scratches:
        steps.append(("scratches", {"sensitivity": parameters.sensitivity}))
    if parameters.denoise:
        steps.append(("denoise", {}))
    if parameters.sepia == "remove" or (parameters.colour and is_toned(picture)):
        steps.append(("grey", {}))
    if parameters.tone:
        steps.append(("tone", {"limit": 0.35}))  # faded prints are grainy: much contrast would show it
    if parameters.colour:
        steps.append(("colorize", {}))
    return steps


def chain(picture: Raster, steps: Sequence[Step], work: Work) -> Raster:
    """Operations one after the other, each with its defaults but for the parameters given."""
    for done, (name, given) in enumerate(steps):
        work.step(done, len(steps), f"restoring: {name}")
        before = picture.rgb
        if name == "grey":
            picture = without_tint(picture)
        elif name == "tone" and is_toned(picture):
            picture = _in_its_tint(picture, given, _part(work, done, len(steps), name))
        else:
            picture = _apply(picture, name, given, _part(work, done, len(steps), name))
        work.note(f"{name}: changed by {float(np.abs(picture.rgb - before).mean()) * 255:.1f} of 255 on average.")
    return picture


def is_toned(picture: Raster) -> bool:
    """Whether it has one hue only: grey, or tinted as sepia prints and yellowed paper are."""
    if picture.pixels < 3:
        return True
    chroma = (picture.rgb - luminance(picture.rgb)[..., None]).reshape(-1, 3)[:: max(1, picture.pixels // 100_000)]
    # The tint grows and falls with brightness along one line; what lies off it is another colour.
    spread = np.linalg.svd(chroma - chroma.mean(axis=0), compute_uv=False) / np.sqrt(len(chroma))
    return bool(spread[1] < 0.012 and spread[0] < 0.06)


def without_tint(picture: Raster) -> Raster:
    """Its luminance in neutral grey."""
    return picture.with_rgb(np.repeat(luminance(picture.rgb)[..., None], 3, axis=2))


def _in_its_tint(picture: Raster, given: dict[str, Any], work: Work) -> Raster:
    """Toned as a grey picture, and given back the tint it had: a cast of all of it is no fault there."""
    toned = _apply(without_tint(picture), "tone", given, work)
    return picture.with_rgb(picture.rgb + (toned.rgb - luminance(picture.rgb)[..., None]))


def _apply(picture: Raster, name: str, given: dict[str, Any], work: Work) -> Raster:
    operation = get_operation(name)
    return operation.apply(picture, read_parameters(operation, given), work)


def _part(work: Work, done: int, total: int, name: str) -> Work:
    """The same run, whose steps are told as parts of one of the chain's."""

    def told(inner: int, all_inner: int, what: str) -> None:
        work.step(done * 100 + 100 * inner // max(1, all_inner), total * 100, f"{name}: {what}" if what else name)

    return replace(work, on_step=told)


OPERATION = Operation(
    name="restore",
    summary="restore an old photograph: scratches, noise, faded tone, and colour if asked for, step by step",
    task="repair",
    parameters=RestoreParameters,
    apply=restore,
    methods=(Method("chain", "the operations scratches, denoise, tone and colorize, one after the other", 30.0, 300),),
)
