"""A picture for a prompt without any generating model: put together of what the collection has for it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from indexer.errors import TuneError, UsageError
from tuner.creative.collage import CollageParameters, collage
from tuner.creative.double_exposure import DoubleExposureParameters, double_exposure
from tuner.creative.fitting import filling
from tuner.creative.photomosaic import PhotomosaicParameters, photomosaic
from tuner.operation import Parameters
from tuner.raster import Raster
from tuner.references import picture_id
from tuner.work import Pictures, Work

_FOUND = 12
"""Pictures that a prompt finds of which some are taken."""
_TAKEN = 6
_FEW = 3
"""Pictures below which a collage would be a poor one."""
_WIDTH = 1536
_LARGEST = 2048
"""Longer side of a picture that a second one is laid over, pixels."""

Layout = Literal["auto", "collage", "double-exposure", "photomosaic"]


class ComposeParameters(Parameters):
    """How pictures of the collection are put together."""

    layout: Layout = Field(
        "auto", description="for method compose: collage, double-exposure or photomosaic; auto: by how many there are"
    )
    pictures: list[str] = Field(
        default_factory=list, max_length=5000, description="for method compose: only these, by their ids"
    )


def compose(prompt: str, parameters: ComposeParameters, size: tuple[int | None, int | None], work: Work) -> Raster:
    """A collage, double exposure or photomosaic of pictures that the prompt finds; which of them, the seed decides.

    `size` is the width and height that are wanted, None where it doesn't matter; sheets are as high as they get. Those
    that are used are noted in `work.used`, and the choice in `work.choices`. UsageError without a collection, TuneError
    where it has nothing for the prompt.
    """
    if work.pictures is None:
        raise UsageError("compose takes its pictures from a collection: index one first.")
    work.step(0, 1, "finding pictures")
    ids = _chosen(prompt, parameters, work.pictures, work)
    layout = parameters.layout if parameters.layout != "auto" else "collage" if len(ids) >= _FEW else "double-exposure"
    if layout == "double-exposure":
        ids = ids[:2]
    if len(ids) < 2 and layout != "photomosaic":
        raise TuneError(f"The collection has only #{ids[0]} for {prompt!r}, and a {layout} takes two pictures or more.")
    work.choices |= {"layout": layout, "pictures": [f"#{id}" for id in ids]}
    work.used += ids
    match layout:
        case "collage":
            return _collage(ids, size[0] or _WIDTH, work.pictures, work)
        case "double-exposure":
            return _double_exposure(ids, size, work.pictures, work)
        case _:
            return photomosaic(work.pictures.open(f"#{ids[0]}", _LARGEST), PhotomosaicParameters(), work)


def quoted(prompt: str) -> str:
    """A prompt as the query language takes words for words, and edits for none of the pictures."""
    return '"' + prompt.replace('"', " ")[:1000] + '" -is:edit'


def _chosen(prompt: str, parameters: ComposeParameters, pictures: Pictures, work: Work) -> list[int]:
    if parameters.pictures:
        named = [(one, picture_id(one)) for one in parameters.pictures]
        if wrong := next((one for one, id in named if id is None), None):
            raise UsageError(f"pictures names {wrong!r}, which isn't the id of a picture, such as 12.")
        return [id for _, id in named if id is not None]
    found = pictures.find(quoted(prompt), _FOUND)
    if not found:
        raise TuneError(
            f"The collection has nothing that matches {prompt!r}: say it otherwise, or index more pictures."
        )
    if parameters.layout == "photomosaic":
        return [found[work.seed % len(found)]]
    order = np.random.default_rng(work.seed).permutation(len(found))[:_TAKEN]
    return [found[place] for place in sorted(order.tolist())]


def _collage(ids: Sequence[int], width: int, pictures: Pictures, work: Work) -> Raster:
    first, *others = (f"#{id}" for id in ids)
    width = min(max(width, 64), 12_000)
    return collage(pictures.open(first, width), CollageParameters(pictures=others, width=width), work)


def _double_exposure(ids: Sequence[int], size: tuple[int | None, int | None], pictures: Pictures, work: Work) -> Raster:
    below = pictures.open(f"#{ids[0]}", _LARGEST)
    wanted = size[0] or below.size[0], size[1] or below.size[1]
    if wanted != below.size:
        below = Raster(filling(below.rgb, wanted), None, below.depth)
    return double_exposure(below, DoubleExposureParameters(reference=f"#{ids[1]}"), work)
