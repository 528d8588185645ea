"""Scratches, creases and dust are found and filled in.

A scratch is a thin line that is brighter, or darker, than the picture on both its sides, and goes on for longer than
texture does. It is looked for by averages along short lines in many directions, each compared with those beside it: the
lesser of the two differences counts, so that the edge between two things counts nothing (as in the detection of roads
and vessels; Steger 1998 says why both sides are needed).
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from indexer.types import Floats
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.repair.inpaint import fill
from tuner.repair.masks import Mask, grown
from tuner.tiles import tiled
from tuner.work import Work

DIRECTIONS = 12
HALO = 160
"""Pixels around a part in which a scratch shows whether it is one."""
NEGLIGIBLE = 1e-4
"""Share of a picture below which what was found is chance."""
LENGTH = 15
"""Pixels along which a line is averaged."""
LEAST = 0.02
"""Difference to both sides, of 0..1, that counts as one where the picture is even."""
EDGE = 0.06
"""Difference by which a scratch's pixels stand out at its edge."""
TEXTURE = 3.0
"""How many times the usual difference nearby counts as one."""
AROUND = 24
"""Pixels around that are nearby."""
SPECK = 0.12
"""Difference to what is around that makes a speck where the picture is even."""
CROWD = 0.06
"""Share of the pixels around a speck that may stand out too: where more do, it is texture."""
LEVELS = (0.8, 1.2, 1.8, 2.7)
"""Of the score, above which regions are looked at."""
WEIGHTS = np.array([-6.84, 0.45, -0.21, -1.17, 2.42, -1.54])
"""Of a constant and the features of a region in a logistic regression, fitted to simulated scratches."""


class ScratchesParameters(Parameters):
    """Parameters of `scratches`."""

    sensitivity: float = Field(
        0.5,
        ge=0,
        le=1,
        description="0 takes plain scratches only, 1 also faint ones and some lines of the scene",
    )
    width: int = Field(5, ge=1, le=15, description="widest scratch that is looked for, pixels")
    dust: bool = Field(True, description="also take specks")
    show_mask: bool = Field(False, description="give what was found, white on black, instead of the repaired picture")


def scratches(picture: Raster, parameters: ScratchesParameters, work: Work) -> Raster:
    """Scratches filled in; every other pixel stays exactly as it is. A picture without any is given back."""
    found = find(picture.rgb, parameters, work)
    share = float(found.mean())
    if share < NEGLIGIBLE:
        found = np.zeros_like(found)
    work.note(f"Scratches and dust: {share:.1%} of the picture." if found.any() else "No scratches were found.")
    if parameters.show_mask:
        return picture.with_rgb(np.repeat(found[..., None], 3, axis=2).astype(np.float32))
    if not found.any() or found.all():
        return picture
    return picture.with_rgb(fill(picture.rgb, found, "telea", work))


def find(rgb: Floats, parameters: ScratchesParameters, work: Work) -> Mask:
    """Where scratches and dust are, [h, w], for [h, w, 3] in 0..1.

    Bright ones are white, more or less, so that they raise the least of the three colours most; dark ones lower the
    greatest. Coloured lines of the scene stand out less there than in luminance.
    """

    def of_part(part: Floats) -> Floats:
        whole = np.zeros(part.shape[:2], bool)
        for plane in (part.min(axis=2), 1 - part.max(axis=2)):
            whole |= _lines(plane, parameters, work)
            if parameters.dust:
                whole |= _specks(plane, parameters)
        return whole[..., None].astype(np.float32)

    # A scratch that goes on beyond a part and its halo is told by what lies within.
    return np.asarray(tiled(of_part, rgb, work, halo=HALO, what="looking for scratches")[..., 0] > 0.5)


def _lines(plane: Floats, parameters: ScratchesParameters, work: Work) -> Mask:
    """Bright lines: connected regions, above any of a few levels, that look more like a scratch than like texture."""
    score = np.zeros(plane.shape, np.float32)
    for thick in sorted({1, 3, parameters.width}):
        response = _standing_out(plane, thick, work)
        np.maximum(score, response / (LEAST + TEXTURE * _usual(response)), out=score)
    lines = np.zeros(plane.shape, bool)
    for level in LEVELS:
        labels = cv2.connectedComponents((score > level).astype(np.uint8))[1].astype(np.int32, copy=False)
        like = _features(labels, score) @ WEIGHTS[1:] + WEIGHTS[0]
        kept = like > 2.3 - 4 * parameters.sensitivity
        kept[0] = False
        lines |= kept[labels]
    return _fitted(plane, lines, parameters.width)


def _features(labels: NDArray[np.int32], score: Floats) -> NDArray[np.float64]:
    """[regions, 5], in logarithms: length, width over length, area over that of an ellipse, mean score, highest
    over mean score. Region 0 is the rest of the picture."""
    flat = labels.ravel()
    area = np.bincount(flat).astype(np.float64)
    row, column = (axis.ravel().astype(np.float64) for axis in np.indices(labels.shape, np.float32))

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(flat, values) / area

    down, right = mean(row), mean(column)
    yy, xx, xy = mean(row**2) - down**2, mean(column**2) - right**2, mean(row * column) - down * right
    middle, apart = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    length, width = (4 * np.sqrt(np.maximum(one, 0) + 1 / 12) for one in (middle + apart, middle - apart))
    average = mean(score.ravel())
    highest = np.zeros(len(area))
    np.maximum.at(highest, flat, score.ravel())
    average = np.maximum(average, 1e-6)
    features = np.stack((length, width / length, area / (length * width), average, highest / average), axis=1)
    logarithms: NDArray[np.float64] = np.log(np.maximum(features, 1e-6))
    return logarithms


def _standing_out(plane: Floats, thick: int, work: Work) -> Floats:
    """How much a line of that width through each pixel is brighter than what is on both its sides, at least 0.

    Averages along lines are taken once for each direction; across, they are compared by shifting them.
    """
    away = thick // 2 + 2
    border = away + 1
    padded = cv2.copyMakeBorder(plane, border, border, border, border, cv2.BORDER_REFLECT)
    height, width = plane.shape
    response = np.zeros(plane.shape, np.float32)
    reach = LENGTH // 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        work.step(0, 1, "looking for scratches")
        across = rows * np.cos(angle) - columns * np.sin(angle)
        kernel = np.clip(1 - np.abs(across), 0, 1)
        along = cv2.filter2D(padded, -1, (kernel / kernel.sum()).astype(np.float32)).astype(np.float32, copy=False)

        def beside(pixels: int, along: Floats = along, angle: float = angle) -> Floats:
            down, right = round(pixels * np.cos(angle)) + border, -round(pixels * np.sin(angle)) + border
            return along[down : down + height, right : right + width]

        middle = sum(beside(pixels) for pixels in range(-(thick // 2), thick // 2 + 1)) / np.float32(thick)
        np.maximum(response, middle - np.maximum(beside(away), beside(-away)), out=response)
    return response


def _usual(response: Floats) -> Floats:
    """What is usual within AROUND pixels: the median, which a few lines don't change."""
    size = tuple(max(1, side // 4) for side in response.shape[::-1])
    small = cv2.resize(response, size, interpolation=cv2.INTER_AREA)
    levels = np.clip(small * 1000, 0, 255).astype(np.uint8)
    median = cv2.medianBlur(levels, 2 * (AROUND // 4) + 1).astype(np.float32) / 1000
    return cv2.resize(median, response.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _fitted(grey: Floats, lines: Mask, width: int) -> Mask:
    """The lines at their true width: what stands out from the picture without thin bright things, near them."""
    if not lines.any():
        return lines
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    stands_out = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel)
    fitted: Mask = grown(lines, 2) & (stands_out > EDGE)
    return grown(fitted, 1)


def _specks(plane: Floats, parameters: ScratchesParameters) -> Mask:
    """Small bright spots that stand alone, far brighter than all around them."""
    side = 2 * parameters.width + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    stands_out = cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, kernel).astype(np.float32, copy=False)
    least = np.float32(2 - 1.6 * parameters.sensitivity) * (SPECK + 4 * _usual(stands_out))
    labels, boxes = cv2.connectedComponentsWithStats((stands_out > least).astype(np.uint8))[1:3]
    small = (boxes[:, cv2.CC_STAT_AREA] >= 3) & (boxes[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1] <= side).all(
        axis=1
    )
    small[0] = False
    company = cv2.blur((stands_out > np.float32(0.4) * least).astype(np.float32), (AROUND + 1, AROUND + 1))
    spots: Mask = small[labels] & (company < CROWD)
    return grown(spots, 1)


OPERATION = Operation(
    name="scratches",
    summary="find scratches, creases and dust on a scanned photograph, and fills them in",
    task="repair",
    parameters=ScratchesParameters,
    apply=scratches,
    methods=(Method("lines", "oriented line filters, hysteresis; filled in by Telea's method (2004)", 8.0, 400),),
)
