"""Colours for a grey photograph, from the collection itself: what its pictures teach, and those most like it."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.repair.chroma import lay_over
from tuner.repair.colour_model import ColourModel, view_of
from tuner.repair.examples import COLOURLESS, Examples, example, greyed, joined, votes
from tuner.repair.grey_patches import describe
from tuner.repair.lab import mean_chroma, to_lab
from tuner.repair.sizes import resized, within
from tuner.repair.swatches import choose, decide
from tuner.repair.teaching import colour_model, kept_lesson
from tuner.work import Pictures, Work

_LOOKED_AT = 320
"""Longest side in pixels at which pictures are compared."""
_NEIGHBOURS_SHARE = 0.15
"""Say of the neighbours beside the model's, where there is one."""
_BOOST, _NEIGHBOURS_BOOST = 2.0, 1.0
"""Factors of chroma, with the model and without: an annealed mean of several possible colours is paler than any of
them. So outcomes are two thirds as colourful as the truth on Flickr8k, and nearer to it than grey."""
_FLOOR = 1e-3
_NETWORK_SIDE = 512


class ColorizeParameters(Parameters):
    """Parameters of `colorize`."""

    method: Literal["auto", "collection", "neighbours", "ddcolor"] = Field(
        "auto",
        description="collection: what its pictures teach of colours, and the most similar ones; neighbours: the most "
        "similar ones only; ddcolor: a model",
    )
    references: tuple[str, ...] = Field(
        (), max_length=50, description="pictures whose colours are taken: ids or files; empty: the most similar ones"
    )
    k: int = Field(8, ge=1, le=50, description="how many similar pictures are asked")
    saturation: float = Field(1.0, ge=0, le=3, description="factor of how strong colours are; 0 leaves it grey")
    lesson: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="which colours learned earlier to use; records of edits name it"
    )
    similar: tuple[str, ...] = Field(
        (), max_length=50, description="which pictures to take for the most similar; records of edits name them"
    )
    force: bool = Field(False, description="colour anew, by its lightness, a picture that has colours already")

    @field_validator("references", "similar", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        if isinstance(given, str):
            return [one.strip() for one in given.split(",") if one.strip()]
        return [given] if isinstance(given, int) else given


def colorize(picture: Raster, parameters: ColorizeParameters, work: Work) -> Raster:
    """The picture with colours; its lightness (L* of CIELAB) stays as it is, pixel by pixel.

    Where sRGB has no colour as strong at that lightness, chroma is lowered, never lightness changed. UsageError for a
    picture that has colours, without `force`; TuneError where the collection has no colours to give.
    """
    method = OPERATION.resolve(parameters, work).name
    if not parameters.force and mean_chroma(picture.rgb) > COLOURLESS:
        raise UsageError("The picture has colours already: say force=true to colour it anew by its lightness alone.")
    chroma = _by_network(picture, work) if method == "ddcolor" else _by_collection(picture, parameters, method, work)
    return picture.with_rgb(lay_over(picture.rgb, np.float32(parameters.saturation) * chroma, work))


def _small(picture: Raster, longest: int) -> Raster:
    """In grey, with at most `longest` pixels on its longer side."""
    small = resized(picture.rgb, within((picture.size[1], picture.size[0]), longest))
    return Raster(np.repeat(greyed(to_lab(small)[..., 0])[..., None], 3, 2))


def _by_collection(picture: Raster, parameters: ColorizeParameters, method: str, work: Work) -> Floats:
    """a*, b* [rows, columns, 2] of the patches of a picture, seen in grey."""
    small, pictures = _small(picture, _LOOKED_AT), work.pictures
    if pictures is None:
        raise TuneError("There is no collection to take colours from: index colour photographs with `pixloom index`.")
    given = bool(parameters.references)
    model = None
    if not given and method != "neighbours":
        model = kept_lesson(parameters.lesson, work) if parameters.lesson else colour_model(pictures, work)
    found = list(_asked(pictures, small, parameters, work))
    if given and len(found) < len(parameters.references):
        work.note("References without colours were left out.")
    if not found and model is None:
        raise TuneError(_nothing(pictures, given))
    work.step(1, 2, "matching patches")
    features = describe(small.rgb[..., 0])
    flat = features.reshape(-1, features.shape[-1])
    chroma = _chroma(flat, model, joined(found) if found else None, work)
    return chroma.reshape(*features.shape[:2], 2)


def _chroma(features: Floats, model: ColourModel | None, examples: Examples | None, work: Work) -> Floats:
    """a*, b* [n, 2] by the model, by examples, or by both: their odds as a weighted geometric mean."""
    if model is None:
        assert examples is not None, "without a model there are examples"
        view, swatches = view_of(examples.features), choose(examples.chroma)
        odds = votes(view.of(features), view.of(examples.features), examples.chroma, swatches)
        return _NEIGHBOURS_BOOST * decide(odds, swatches)
    odds = model.odds(features)
    if examples is not None:
        seen = model.view.of(features), model.view.of(examples.features)
        said = votes(*seen, examples.chroma, model.swatches) + np.float32(_FLOOR)
        odds = odds ** (1 - _NEIGHBOURS_SHARE) * said**_NEIGHBOURS_SHARE
    return _BOOST * decide(odds, model.swatches)


def _asked(pictures: Pictures, small: Raster, parameters: ColorizeParameters, work: Work) -> Iterator[Examples]:
    """The references' patches, or those of the k colour pictures most like this one, without itself."""
    count = len(parameters.references) or (min(parameters.k, 4) if work.preview else parameters.k)
    # Grey pictures among them have nothing to say, so more are asked for.
    names = parameters.references or parameters.similar
    if not names:
        names = tuple(f"#{id}" for id in pictures.similar(small, 4 * count + 1) if f"#{id}" != work.subject)
    taken, used = 0, []
    for name in names:
        work.step(taken, count, "looking at similar pictures")
        one = example(pictures.open(name, _LOOKED_AT))
        if one is not None:
            used.append(name)
            yield one
            taken += 1
        if taken == count:
            break
    if not parameters.references:
        work.choices["similar"] = used


def _nothing(pictures: Pictures, given: bool) -> str:
    if given:
        return "None of the references has colours: name colour pictures, or none, and the most similar are taken."
    if not pictures.newest(1):
        return "The collection is empty: index colour photographs with `pixloom index` first, or name `references`."
    return (
        "The pictures of the collection most like this one are all grey: index colour photographs with "
        "`pixloom index`, or name colour pictures in `references`."
    )


def _by_network(picture: Raster, work: Work) -> Floats:
    """a*, b* [h, w, 2] in small, by DDColor (Kang et al. 2023), which is given grey."""
    from tuner.networks.restoration import restore_with

    path = work.model("ddcolor-tiny")
    assert path is not None, "the method was resolved: its model is here"
    return to_lab(restore_with(path, _small(picture, _NETWORK_SIDE).rgb, work))[..., 1:]


OPERATION = Operation(
    name="colorize",
    summary="give a grey photograph colours, taken from the collection's own pictures",
    task="repair",
    parameters=ColorizeParameters,
    apply=colorize,
    methods=(
        Method("collection", "a regression fitted on the collection, and its most similar pictures", 4.0, 48),
        Method("neighbours", "patches matched with the most similar pictures (after Welsh et al. 2002)", 4.0, 48),
        Method("ddcolor", "DDColor (Kang et al. 2023)", 6.0, 48, "ddcolor-tiny"),
    ),
    tiles=False,
    references=("references", "similar"),
)
