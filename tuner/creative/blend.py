"""`blend`: the subject of a picture set into another one."""

from typing import Literal

import numpy as np
from pydantic import Field

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.creative.fitting import resized
from tuner.creative.membrane import membrane
from tuner.creative.subject import parse_box, subject_alpha
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work


class BlendParameters(Parameters):
    """Where the subject goes, and how it meets what is there."""

    into: str = Field("", description="the picture that the subject is set into: an id or a file")
    box: str = Field("", description="x,y,w,h in pixels: a box around the subject; empty finds what stands out")
    x: float = Field(0.5, ge=0, le=1, description="where its middle goes: share of the other picture's width")
    y: float = Field(0.6, ge=0, le=1, description="where its middle goes: share of the other picture's height")
    size: float = Field(0.5, gt=0, le=1, description="its height as a share of the other picture's")
    method: Literal["auto", "poisson", "paste"] = Field(
        "auto", description="poisson fits its light and colour to the place, paste keeps them"
    )
    fit: float = Field(0.5, ge=0, le=1, description="how far poisson fits light and colour, 0..1")


def blend(picture: Raster, parameters: BlendParameters, work: Work) -> Raster:
    """The other picture with the subject in it; of the other picture's size. UsageError without another picture."""
    if not parameters.into or work.pictures is None:
        raise UsageError("blend needs the picture that the subject is set into: -p into=12, an id or a file.")
    method = OPERATION.resolve(parameters, work).name
    work.step(0, 3, "finding the subject")
    alpha = subject_alpha(picture, parse_box(parameters.box, picture.size) if parameters.box else None)
    if picture.alpha is not None:
        alpha = alpha * picture.alpha
    below = work.pictures.open(parameters.into)
    work.step(1, 3, "fitting it in")
    patch, cover, left, top = _placed(picture.rgb, alpha, below.size, parameters)
    window, part = _overlap(below.size, cover, left, top)
    patch, cover, place = patch[part], cover[part], below.rgb[window]
    work.step(2, 3, "blending")
    if method == "poisson":
        patch = np.clip(patch + parameters.fit * membrane(place - patch, (cover > 0.02).astype(np.float32)), 0, 1)
    outcome = below.rgb.copy()
    outcome[window] = place + cover[..., np.newaxis] * (patch - place)
    return Raster(outcome, _opaque(below, window, cover), below.depth)


def _placed(
    rgb: Floats, alpha: Floats, size: tuple[int, int], parameters: BlendParameters
) -> tuple[Floats, Floats, int, int]:
    """The subject and its cover at its new size, and the left and top of where it goes, which may lie outside."""
    rows, columns = np.flatnonzero(alpha.max(1) > 0.02), np.flatnonzero(alpha.max(0) > 0.02)
    margin = max(2, len(rows) // 50)
    part = (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )
    subject, cover = np.ascontiguousarray(rgb[part]), np.ascontiguousarray(alpha[part])
    scale = parameters.size * size[1] / cover.shape[0]
    wanted = max(1, round(cover.shape[1] * scale)), max(1, round(cover.shape[0] * scale))
    left = round(parameters.x * size[0] - wanted[0] / 2)
    top = round(parameters.y * size[1] - wanted[1] / 2)
    return resized(subject, wanted), resized(cover, wanted), left, top


def _overlap(
    size: tuple[int, int], cover: Floats, left: int, top: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the picture that the subject covers, and the part of the subject that lies within the picture."""
    right, bottom = min(size[0], left + cover.shape[1]), min(size[1], top + cover.shape[0])
    start, above = max(0, left), max(0, top)
    if right <= start or bottom <= above:
        raise UsageError("The subject lies outside the picture: choose another x, y or size.")
    return (
        (slice(above, bottom), slice(start, right)),
        (slice(above - top, bottom - top), slice(start - left, right - left)),
    )


def _opaque(below: Raster, window: tuple[slice, slice], cover: Floats) -> Floats | None:
    if below.alpha is None:
        return None
    alpha = below.alpha.copy()
    alpha[window] = np.maximum(alpha[window], cover)
    return alpha


OPERATION = Operation(
    name="blend",
    summary="set the subject of this picture into another one",
    task="compose",
    parameters=BlendParameters,
    apply=blend,
    methods=(
        Method("poisson", "Poisson image editing (Pérez et al. 2003): light and colour fit the place", 1.0, 60),
        Method("paste", "cut and pasted with a soft outline", 0.7, 50),
    ),
    source="compositeCapture",
    tiles=False,
    resizes=True,
    references=("into",),
)
