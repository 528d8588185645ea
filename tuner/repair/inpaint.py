"""What a mask hides is filled in from what is around it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tuner.operation import Method, Operation
from tuner.raster import Raster
from tuner.repair.masks import Mask, MaskParameters, feathered, grown, read_mask
from tuner.repair.patches import SEARCHED, complete, smooth
from tuner.work import Work

Fill = Callable[[Floats, Mask], Floats]
FADE = 4.0
"""Pixels into a hole over which the mixed method goes over from smooth continuation to pieces of the picture: each
is better than the other there, and their mixture than both."""
THIN = 3.0
"""Pixels of depth up to which a hole gets no pieces: they would add next to nothing."""
SOLVED = 60_000
"""Pixels of a hole up to which a biharmonic surface is solved for: some seconds, and 300 MB."""
NEAR = 24
"""Pixels around a hole that smooth methods are given; they look at 4 at most."""


class InpaintParameters(MaskParameters):
    """Parameters of `inpaint`."""

    method: Literal["auto", "mixed", "exemplar", "biharmonic", "telea", "navier-stokes", "lama"] = Field(
        "auto",
        description="mixed: smooth near the edge of a hole, pieces of the picture within; exemplar: pieces only, the "
        "sharpest in large holes; biharmonic: best for thin lines and text; telea, navier-stokes: quick; lama: a model",
    )


def inpaint(picture: Raster, parameters: InpaintParameters, work: Work) -> Raster:
    """The masked pixels and the feather around them filled; every other pixel stays exactly as it is.

    Transparency is kept. UsageError as `read_mask` raises it, for a mask that leaves nothing to fill from, and for
    a hole that is too large for the biharmonic method.
    """
    method = OPERATION.resolve(parameters, work).name
    mask = read_mask(parameters, picture, work)
    weight = feathered(mask, round(parameters.feather * work.scale))
    hole = weight > 0
    if hole.all():
        raise UsageError("The mask covers the whole picture: leave something to fill it from.")
    filled = fill(picture.rgb, hole, method, work)
    change = weight[..., None] * (filled - picture.rgb)
    return picture.with_rgb(np.where(mask[..., None], filled, picture.rgb + change))


def fill(rgb: Floats, hole: Mask, method: str, work: Work) -> Floats:
    """[h, w, 3] in 0..1 with the hole [h, w] filled by the method of that name; the rest stays exactly as it is."""
    if method == "lama":
        return _by_parts(rgb, hole, partial(_by_model, work=work), work, 2.0)
    if method == "exemplar":
        return _by_parts(rgb, hole, partial(_by_patches, work=work), work, 1.0)
    if method == "mixed":
        return _by_parts(rgb, hole, partial(_mixed, work=work), work, 1.0)
    smoothly: dict[str, Fill] = {"biharmonic": biharmonic, "telea": smooth, "navier-stokes": navier_stokes}
    return _by_parts(rgb, hole, smoothly[method], work, 0.0)


def biharmonic(rgb: Floats, hole: Mask) -> Floats:
    """The smoothest surface that goes on from the border with its slope (Damelin & Hoang 2018, of scikit-image)."""
    from skimage.restoration import inpaint_biharmonic

    largest = int(np.bincount(cv2.connectedComponents(hole.astype(np.uint8))[1][hole]).max())
    if largest > SOLVED:
        raise UsageError(
            f"A hole of {largest:,} pixels is too large for biharmonic, which takes {SOLVED:,}: use mixed or exemplar."
        )
    filled = inpaint_biharmonic(rgb, hole, split_into_regions=True, channel_axis=2)
    return np.where(hole[..., None], np.clip(filled, 0, 1), rgb).astype(np.float32)


def navier_stokes(rgb: Floats, hole: Mask) -> Floats:
    """Lines of equal brightness go on into the hole (Bertalmio, Bertozzi & Sapiro 2001, of OpenCV)."""
    return smooth(rgb, hole, cv2.INPAINT_NS)


def _by_patches(rgb: Floats, hole: Mask, work: Work) -> Floats:
    return complete(rgb, hole, work.seed, partial(work.step, what="filling from the rest of the picture"))


def _mixed(rgb: Floats, hole: Mask, work: Work) -> Floats:
    """Biharmonic at the border and pieces deep inside; in between the mean of both, by depth."""
    try:
        even = biharmonic(rgb, hole)
    except UsageError:
        even = smooth(rgb, hole)
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    labels = cv2.connectedComponents(hole.astype(np.uint8))[1]
    thick = hole & np.isin(labels, labels[depth > THIN])
    if not thick.any():
        return even
    # The thin ones are known from here on, which saves most of the search.
    pieces = complete(even, thick, work.seed, partial(work.step, what="filling from the rest of the picture"))
    share = np.exp(-np.maximum(depth - 1, 0) / np.float32(FADE))[..., None]
    return np.where(thick[..., None], share * even + (1 - share) * pieces, even)


def _by_model(rgb: Floats, hole: Mask, work: Work) -> Floats:
    """By the pulled network, at reduced size where the part is larger than `work.tile`."""
    from tuner.networks.inpainting import inpaint_with

    path = work.model("lama")
    if path is None:
        raise TuneError("The model lama isn't here any more: `pixloom models pull lama`.")
    scale = min(1.0, work.tile / max(hole.shape))
    if scale == 1:
        return inpaint_with(path, rgb, hole, work)
    size = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    missing: Mask = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    made = cv2.resize(inpaint_with(path, small, missing, work), hole.shape[::-1], interpolation=cv2.INTER_CUBIC)
    work.note(f"The model filled a hole at {scale:.0%} of its size: it is softer than what is around.")
    return np.where(hole[..., None], made, rgb).astype(np.float32)


def _by_parts(rgb: Floats, hole: Mask, apply: Fill, work: Work, context: float) -> Floats:
    """Each hole filled from what is around it: `context` times its longer side, and NEAR pixels in any case."""
    if hole.size <= SEARCHED:
        work.step(0, 1, "filling")
        return apply(rgb, hole)
    outcome = rgb.copy()
    parts = list(_parts(hole, context))
    for done, (mine, window) in enumerate(parts):
        work.step(done, len(parts), "filling")
        # Holes of other parts are not to be copied from, and are not this part's to fill.
        made = apply(np.ascontiguousarray(rgb[window]), hole[window])
        outcome[window][mine] = made[mine]
    return outcome


def _parts(hole: Mask, context: float) -> Iterator[tuple[Mask, tuple[slice, slice]]]:
    """Groups of holes that lie near each other: the pixels of each in its window, and the window."""
    near = grown(hole, NEAR)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(near.astype(np.uint8))
    for label in range(1, count):
        left, top, width, height = (int(one) for one in boxes[label][:4])
        more = round(context * max(width, height))
        window = (
            slice(max(0, top - more), min(hole.shape[0], top + height + more)),
            slice(max(0, left - more), min(hole.shape[1], left + width + more)),
        )
        yield hole[window] & (labels[window] == label), window


OPERATION = Operation(
    name="inpaint",
    summary="fill what a mask hides (an object, a stain, a date stamp) from what is around it",
    task="repair",
    parameters=InpaintParameters,
    apply=inpaint,
    methods=(
        Method("lama", "LaMa (Suvorov et al. 2022), a network for large holes", 20.0, 1500, model="lama"),
        Method("mixed", "biharmonic at the border of a hole, patches of the picture deep inside", 20.0, 260),
        Method("exemplar", "patches of the picture by PatchMatch (Wexler 2007, Barnes 2009)", 18.0, 260),
        Method("biharmonic", "biharmonic surface (Damelin & Hoang 2018), for thin holes", 4.0, 200),
        Method("telea", "fast marching (Telea 2004)", 0.5, 60),
        Method("navier-stokes", "fluid dynamics (Bertalmio et al. 2001)", 0.5, 60),
    ),
    references=("mask",),
)
