"""Which pixels an operation shall work on: a mask picture, a box, a polygon, or what is alike around a click."""

from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.operation import Parameters
from tuner.raster import Raster, luminance, to_bytes
from tuner.work import Work

Mask = NDArray[np.bool_]
"""[height, width], true where something shall be done."""
GRABCUT_SIDE = 512
"""Longest side in pixels of what GrabCut looks at: its outline is smoothed when it is scaled back."""


def _numbers(value: Any) -> Any:
    """`1,2 3,4` as people type it -> [1, 2, 3, 4]; points in lists of two are joined; all else is left as it is."""
    if isinstance(value, str):
        return [int(one) if one.lstrip("-").isdigit() else one for one in value.replace(",", " ").split()]
    if isinstance(value, list | tuple) and value and all(isinstance(one, list | tuple) for one in value):
        return [number for point in value for number in point]
    return value


class MaskParameters(Parameters):
    """Base of the parameters of operations that need a mask. Several ways to say where are united."""

    mask: str | None = Field(None, description="picture of the same size, white where to work: an id or a file")
    box: Annotated[tuple[int, int, int, int] | None, BeforeValidator(_numbers)] = Field(
        None, description="x,y,width,height in pixels of the upright picture"
    )
    polygon: Annotated[tuple[int, ...] | None, BeforeValidator(_numbers)] = Field(
        None, description="corners x1,y1 x2,y2 x3,y3 ... in pixels of the upright picture"
    )
    click: Annotated[tuple[int, int] | None, BeforeValidator(_numbers)] = Field(
        None, description="x,y in pixels of the upright picture: what is coloured alike around it"
    )
    tolerance: float = Field(
        12.0, ge=0, le=200, description="how far from the clicked colour counts as alike, CIE Lab units (Delta E 1976)"
    )
    outline: bool = Field(False, description="fit what was clicked on to the outline of its object (GrabCut)")
    grow: int = Field(0, ge=0, le=500, description="pixels by which the mask is made larger on every side")
    feather: int = Field(0, ge=0, le=500, description="pixels around the mask over which the change fades out")


def read_mask(parameters: MaskParameters, picture: Raster, work: Work) -> Mask:
    """The union of all ways that were used, grown -> [h, w]; the feather is not part of it.

    UsageError where no way was used, nothing is masked, the mask picture has another size, or a place lies outside.
    """
    parts = []
    if parameters.mask is not None:
        parts.append(_from_picture(parameters.mask, picture, work))
    if parameters.box is not None:
        parts.append(_from_box(parameters.box, picture, work))
    if parameters.polygon is not None:
        parts.append(_from_polygon(parameters.polygon, picture, work))
    if parameters.click is not None:
        parts.append(_from_click(parameters, picture, work))
    if not parts:
        raise UsageError(
            "Say where: mask (a picture, white there), box (x,y,width,height), polygon (x1,y1 x2,y2 x3,y3 ...) "
            "or click (x,y); several are united."
        )
    whole: Mask = np.logical_or.reduce(parts)
    if not whole.any():
        raise UsageError(f"The mask {parameters.mask} is black everywhere: paint white what shall be worked on.")
    return grown(whole, round(parameters.grow * work.scale))


def grown(mask: Mask, pixels: int) -> Mask:
    """Larger by so many pixels on every side, with round corners."""
    if pixels == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)


def feathered(mask: Mask, pixels: int) -> Floats:
    """[h, w]: 1 in the mask, falling to 0 over so many pixels around it."""
    if pixels == 0 or mask.all():
        return mask.astype(np.float32)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    weight: Floats = np.clip(1 - away / np.float32(pixels + 1), 0, 1)
    return weight


def _from_picture(reference: str, picture: Raster, work: Work) -> Mask:
    if work.pictures is None:
        raise UsageError("A mask picture can't be read here: use box, polygon or click.")
    found = work.pictures.open(reference)
    width, height = picture.size
    if any(abs(round(had * work.scale) - has) > 1 for had, has in zip(found.size, picture.size, strict=True)):
        whole = tuple(round(side / work.scale) for side in picture.size)
        raise UsageError(
            f"The mask is {found.size[0]} x {found.size[1]} pixels, the picture {whole[0]} x {whole[1]}: "
            "give a mask of the picture's size."
        )
    white: Floats = luminance(found.rgb) * (1 if found.alpha is None else found.alpha)
    if found.size != picture.size:
        white = cv2.resize(white, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    chosen: Mask = white >= 0.5
    return chosen


def _inside(name: str, points: list[tuple[int, int]], picture: Raster, work: Work, edge: int) -> list[tuple[int, int]]:
    """Points in pixels of the picture as it is given; `edge` is 1 where they may lie on its far border."""
    width, height = (round(side / work.scale) for side in picture.size)
    for x, y in points:
        if not (0 <= x < width + edge and 0 <= y < height + edge):
            raise UsageError(
                f"{name} reaches {x},{y}, outside of the picture, which is {width} x {height} pixels: "
                f"x from 0 to {width - 1 + edge}, y from 0 to {height - 1 + edge}."
            )
    scaled = [(round(x * work.scale), round(y * work.scale)) for x, y in points]
    return [(min(x, picture.size[0] - 1 + edge), min(y, picture.size[1] - 1 + edge)) for x, y in scaled]


def _from_box(box: tuple[int, int, int, int], picture: Raster, work: Work) -> Mask:
    x, y, width, height = box
    if width < 1 or height < 1:
        raise UsageError(f"box is {width} x {height} pixels: width and height, the last two numbers, must be positive.")
    (left, top), (right, bottom) = _inside("box", [(x, y), (x + width, y + height)], picture, work, 1)
    columns, rows = picture.size
    mask = np.zeros((rows, columns), bool)
    mask[min(top, rows - 1) : max(bottom, top + 1), min(left, columns - 1) : max(right, left + 1)] = True
    return mask


def _from_polygon(numbers: tuple[int, ...], picture: Raster, work: Work) -> Mask:
    if len(numbers) < 6 or len(numbers) % 2:
        raise UsageError("polygon needs three corners or more, each as x,y: x1,y1 x2,y2 x3,y3 ...")
    points = _inside("polygon", list(zip(numbers[::2], numbers[1::2], strict=True)), picture, work, 1)
    mask = np.zeros(picture.rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(points, np.int32)], 1)
    return mask.astype(bool)


def _from_click(parameters: MaskParameters, picture: Raster, work: Work) -> Mask:
    """The connected region around the point whose colour is near that of the 3 x 3 pixels there, holes closed."""
    assert parameters.click is not None
    ((x, y),) = _inside("click", [parameters.click], picture, work, 0)
    lab = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2Lab)
    clicked = np.median(lab[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3), axis=0)
    alike = np.square(lab - clicked.astype(np.float32)).sum(axis=2) <= parameters.tolerance**2
    alike[y, x] = True
    labels = cv2.connectedComponents(alike.astype(np.uint8), connectivity=4)[1]
    region: Mask = labels == labels[y, x]
    outlines = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = cv2.drawContours(np.zeros(region.shape, np.uint8), outlines, -1, 1, cv2.FILLED).astype(bool)
    return _outlined(filled, picture, work) if parameters.outline else filled


def _outlined(region: Mask, picture: Raster, work: Work) -> Mask:
    """The region fitted to the edges around it by GrabCut (Rother et al. 2004), which takes it for part of an object.

    What touches the picture's edge in every direction, or leaves nothing, is given back as it was.
    """
    height, width = region.shape
    scale = min(1.0, GRABCUT_SIDE / max(height, width))
    side = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: Floats = cv2.resize(picture.rgb, side, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    inner = cv2.resize(region.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST).astype(bool)
    reach = max(3, round(np.sqrt(inner.sum()) / 4))
    near = grown(inner, reach)
    if not inner.any() or near.all():
        return region
    guess = np.full(inner.shape, cv2.GC_BGD, np.uint8)
    guess[near] = cv2.GC_PR_BGD
    guess[inner] = cv2.GC_PR_FGD
    guess[cv2.erode(inner.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)] = cv2.GC_FGD
    cv2.setRNGSeed(work.seed % 2**31)
    object_model, rest_model = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(to_bytes(small), guess, (0, 0, 1, 1), rest_model, object_model, 5, cv2.GC_INIT_WITH_MASK)
    kept = ((guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)).astype(np.float32)
    fitted: Mask = cv2.resize(kept, (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
    return fitted if fitted.any() else region
