"""What a diffusion model is told beside the prompt, from the collection: words of alike pictures, or pictures."""

from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

from indexer.errors import UsageError
from tuner.diffusion.ask import Ask
from tuner.diffusion.choice import native_side
from tuner.diffusion.companions import has_image_conditioning
from tuner.diffusion.enrich import enriched
from tuner.diffusion.like import begun_with
from tuner.diffusion.parameters import listed
from tuner.operation import Parameters
from tuner.work import Work

_SIDE = 1024
"""Longer side in pixels at which reference pictures are opened."""


class RetrievalParameters(Parameters):
    """What is taken from the collection."""

    enrich: bool = Field(
        False, description="add to the prompt what the tags of your pictures of it say (recorded as it becomes)"
    )
    like: Annotated[list[str], BeforeValidator(listed)] = Field(
        default_factory=list, max_length=8, description="pictures that it shall be like: ids such as 3,8, or files"
    )
    like_strength: float = Field(0.4, ge=0, le=1, description="how much like them it shall be, 0..1")
    reference_model: str = Field(
        "",
        max_length=4096,
        description="IP-Adapter: a name of `pixloom models`, a hub id, a path; none: the model's own",
    )


Told = TypeVar("Told", bound=RetrievalParameters)


def enriching(parameters: Told, work: Work) -> Told:
    """The parameters with their prompt enriched, where that is asked for; noted in `work.choices`, so that the outcome
    can be made again from a collection that has changed. UsageError without a collection."""
    if not parameters.enrich:
        return parameters
    if work.pictures is None:
        raise UsageError("enrich takes words from your collection: index one first.")
    work.step(0, 1, "looking at pictures of it")
    before = str(getattr(parameters, "prompt", ""))
    prompt = enriched(before, work.pictures)
    work.choices |= {"prompt": prompt, "enrich": False}
    work.note(
        f"The prompt became: {prompt}" if prompt != before else "Your pictures of it say nothing to add to the prompt."
    )
    return parameters.model_copy(update={"prompt": prompt, "enrich": False})


def likened(parameters: RetrievalParameters, ask: Ask, model: str, work: Work) -> Ask:
    """What is asked for, told to be like the pictures that are named. UsageError without a collection; what opening
    them raises."""
    if not parameters.like or not parameters.like_strength:
        return ask
    if work.pictures is None:
        raise UsageError("like names pictures of a collection: index one first.")
    work.step(0, 1, "opening what it shall be like")
    pictures = [work.pictures.open(one, _SIDE) for one in parameters.like]
    if parameters.reference_model or has_image_conditioning(model, work.settings):
        reference_model = parameters.reference_model or None
        return replace(
            ask,
            references=tuple(pictures),
            reference_scale=parameters.like_strength,
            reference_model=reference_model,
        )
    named = ", ".join(parameters.like)
    work.note(f"It was begun with {named} put together, since {model} takes no pictures as reference.")
    return begun_with(ask, pictures, parameters.like_strength, native_side(model))
