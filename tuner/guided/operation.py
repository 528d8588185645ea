"""`guided`: colours by tables that an encoder, words, liked pictures or a look learned from pairs ask for."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from indexer.errors import UsageError
from tuner.guided.learned import corrected
from tuner.guided.liked import fit_taste, liked_by, open_liked
from tuner.guided.looks import Look
from tuner.guided.looks import apply as apply_table
from tuner.guided.shelf import named_look, recalled, recorded, rounded
from tuner.guided.words import Worded, words_look
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.references import picture_id
from tuner.work import Work

LONGEST = 500
"""Characters of a prompt; an encoder reads no more."""
_METHODS = {"prompt": "words", "like": "taste", "taste": "taste", "look": "look"}
"""What may be given, of which one, and the method that it is for."""


class GuidedParameters(Parameters):
    """What guides the colours: one of prompt, like, taste and look, or without any what the encoder sees."""

    prompt: str | None = Field(
        None, min_length=1, max_length=LONGEST, description="the look in words, as `warm, bright, film look`"
    )
    like: tuple[str, ...] = Field(
        (), max_length=200, description="pictures that have the look, five or more: ids or files, as 3,8,15,20,31"
    )
    taste: str | None = Field(None, description="the person whose liked pictures have the look")
    look: str | None = Field(None, description="a look that `pixloom train look` learned from pairs, by its name")
    guide: str = Field(
        "",
        max_length=200,
        description="without these: a guide of `pixloom train guided` or `joint`, by name; empty: the one that ships",
    )
    strength: float = Field(1.0, ge=0, le=2, description="how far it goes: 0 changes nothing, 2 twice as far")
    method: Literal["auto", "learned", "words", "taste", "look"] = Field(
        "auto",
        description="auto: by what was given; words for a prompt, taste for liked pictures, look for a name, learned "
        "for nothing or a guide",
    )
    found: str = Field("", max_length=1000, description="the look that an earlier run found; records of edits name it")

    @field_validator("like", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        if isinstance(given, str):
            return [one.strip() for one in given.split(",") if one.strip()]
        return [given] if isinstance(given, int) else given

    @model_validator(mode="before")
    @classmethod
    def _method_by_what_is_given(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("method", "auto") == "auto":
            methods = [method for name, method in _METHODS.items() if given.get(name)]
            return {**given, "method": methods[0] if methods else "learned"}
        return given


def apply(picture: Raster, parameters: GuidedParameters, work: Work) -> Raster:
    """The picture under its look, at the strength asked for. UsageError where more than one thing guides it."""
    if parameters.method == "learned" and not any(getattr(parameters, name) for name in _METHODS):
        return picture.with_rgb(corrected(picture.rgb, parameters.guide, parameters.strength, work))
    if parameters.guide:
        raise UsageError("guided: a guide is for pictures without prompt, like, taste and look: leave it out.")
    if parameters.found:
        look = recalled(parameters.found, work.settings)
    else:
        look = rounded(_SOUGHT[_guide(parameters)](picture, parameters, work))
    if not work.preview:
        work.choices["found"] = recorded(look, work.settings)
    work.step(0, 1, "colours")
    if parameters.strength == 0:
        return picture
    return picture.with_rgb(apply_table(look.scaled(parameters.strength).table(), picture.rgb, 1, work))


def _guide(parameters: GuidedParameters) -> str:
    """The parameter that guides."""
    given = [name for name in _METHODS if getattr(parameters, name)]
    if len(given) != 1:
        raise UsageError(
            "guided needs one of prompt (words), like (pictures), taste (a person) and look (a name); "
            f"given: {', '.join(given) or 'none'}."
        )
    if parameters.method not in ("auto", _METHODS[given[0]]):
        raise UsageError(f"guided: {given[0]} is for the method {_METHODS[given[0]]}; leave method out.")
    return given[0]


def _by_prompt(picture: Raster, parameters: GuidedParameters, work: Work) -> Look:
    assert parameters.prompt is not None, "it guides"
    found = words_look(picture, parameters.prompt, work)
    work.note(_told(found))
    return found.look


def _told(found: Worded) -> str:
    """Which words were known, and what the encoder made of the others."""
    said = [f"{fragment} as {look}" for fragment, look in found.reading.known]
    told = f"Known words: {', '.join(said)}." if said else "No word of it is a look that is known."
    if found.agreement is not None:
        told += (
            f" The encoder decided on {', '.join(found.reading.unknown)} (agreement {found.agreement:.2f}); "
            "encoders know what pictures show better than how they look."
        )
    return told


def _by_liked(picture: Raster, parameters: GuidedParameters, work: Work) -> Look:
    references = list(parameters.like)
    if parameters.taste:
        references = liked_by(parameters.taste, work)
        work.choices["like"] = references
    without = [id for one in [*references, work.subject or ""] if (id := picture_id(one)) is not None]
    return fit_taste(picture, open_liked(references, work), work, without)


def _by_name(_picture: Raster, parameters: GuidedParameters, work: Work) -> Look:
    assert parameters.look is not None, "it guides"
    return named_look(parameters.look, work.settings)


_SOUGHT: dict[str, Callable[[Raster, GuidedParameters, Work], Look]] = {
    "prompt": _by_prompt,
    "like": _by_liked,
    "taste": _by_liked,
    "look": _by_name,
}

OPERATION = Operation(
    name="guided",
    summary="exposure and colours put right by what the encoder sees; or a look in words, of liked pictures, of pairs",
    task="enhance",
    parameters=GuidedParameters,
    apply=apply,
    methods=(
        Method(
            "learned",
            "curves, blended colour tables (Zeng et al. 2020) and a bilateral grid (Gharbi et al. 2017), predicted "
            "from the encoder's features",
            seconds=0.15,
            memory=60,
        ),
        Method(
            "words",
            "known words by a table, others by the encoder's direction from a neutral text (Gal et al. 2021)",
            seconds=4,
            memory=60,
        ),
        Method("taste", "how liked pictures differ from usual ones of like content, as posterior mode", 5, 60),
        Method("look", "a look fitted to pictures before and after", seconds=0.5, memory=60),
    ),
    references=("like",),
    models=("guide",),
)
"""guided"""
