"""Where the subject of a picture is: a cut by GrabCut, begun from a box or from what stands out, as soft alpha."""

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.errors import TuneError, UsageError
from indexer.types import Floats, Pixels
from tuner.raster import Raster, luminance, reduced, to_bytes

_SIDE = 480
"""Pixels of the longer side on which the cut is made: the outline is refined on the full picture."""
_ROUNDS = 5
_RADIUS = 6
_SMOOTHNESS = 1e-4
"""Window radius (at `_SIDE`) and regularisation of the guided filter that refines the outline."""
_LEAST, _MOST = 0.005, 0.97
"""Shares of the picture below and above which a cut is no cut."""
_PLAIN, _MOSTLY = 2.5, 0.7
"""Distance in CIELAB up to which a colour counts as the ground's; share of the border that has it on a plain ground."""
_SHADE = 0.25
"""Distance from the ground's colour above which what is enclosed by a thing is its own, not the ground seen through."""
_READILY = 0.7
"""Part of Otsu's threshold above which a pixel may be the subject's: GrabCut takes back what isn't."""
_PIECE, _HOLE = 0.03, 0.02
"""Sizes, as shares of the largest piece, below which pieces are left out and holes filled."""

Box = tuple[int, int, int, int]


def parse_box(text: str, size: tuple[int, int]) -> Box:
    """`x,y,w,h` in pixels -> the box, within a picture of `size` (width, height). UsageError for any other text."""
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"box is {text!r}: write it as x,y,w,h in pixels, such as 10,20,200,150.") from None
    if width < 1 or height < 1 or x < 0 or y < 0 or x + width > size[0] or y + height > size[1]:
        raise UsageError(f"The box {text} is not inside the picture, which has {size[0]}x{size[1]} pixels.")
    return x, y, width, height


def subject_alpha(picture: Raster, box: Box | None) -> Floats:
    """How much of each pixel belongs to the subject [height, width], 0..1.

    What lies on a plain ground, as products do, is all that differs from it. Otherwise GrabCut (Rother et al. 2004) on
    a reduced copy, begun from the `box` or from what differs from the picture's border. The outline is refined by a
    guided filter (He and Sun 2015, the fast one) on the full picture. TuneError where nothing can be told apart.
    """
    small = reduced(picture, _SIDE)
    if min(small.size) < 8:
        raise TuneError(f"A picture of {picture.size[0]}x{picture.size[1]} pixels is too small to cut something out.")
    lab = np.asarray(cv2.cvtColor(small.rgb, cv2.COLOR_RGB2LAB), np.float32)
    plain = None if box else _on_plain_ground(lab)
    if plain is None:
        scale = small.size[0] / picture.size[0]
        grabbed = _grab(small, _from_box(small, box, scale) if box else _from_border(lab))
    mask = _without_holes(grabbed if plain is None else plain)
    if not _LEAST < mask.mean() < _MOST:
        raise TuneError("No subject stands out from its background: give a box around it.")
    if plain is None:
        return _refined(small, mask, picture)
    soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 0.8), picture.size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, np.float32)


def _rim(lab: Floats) -> NDArray[np.bool_]:
    """The pixels along the border [h, w]."""
    height, width = lab.shape[:2]
    wide = max(2, min(height, width) // 25)
    rim = np.ones((height, width), bool)
    rim[wide:-wide, wide:-wide] = False
    return rim


def _on_plain_ground(lab: Floats) -> Floats | None:
    """What differs from a border of one colour [h, w], 0 or 1; None where most of the border isn't of one colour."""
    rim = _rim(lab)
    ground = np.median(lab[rim], axis=0)
    distance = np.linalg.norm(lab - ground, axis=2)
    plain = distance[rim] < _PLAIN
    if plain.mean() < _MOSTLY:
        return None
    mask = (distance > _PLAIN).astype(np.uint8)
    # A pale thing on a pale ground shows by its outline: close it, and what is inside belongs to it.
    side = max(3, max(mask.shape) // 60) | 1
    closed = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)))
    _, numbers = cv2.connectedComponents(1 - closed)
    for hole in np.setdiff1d(numbers, [0, *np.unique(numbers[rim])]):
        inner = numbers == hole
        if np.median(distance[inner]) > _SHADE:
            closed[inner] = 1
    # The ground next to it isn't clean: resampling and JPEG have spread its colours there.
    return cv2.erode(closed, np.ones((3, 3), np.uint8), iterations=2).astype(np.float32)


def _grab(small: Raster, marks: Pixels) -> Floats:
    cv2.setRNGSeed(0)
    colours = np.ascontiguousarray(to_bytes(small.rgb)[..., ::-1])
    try:
        cv2.grabCut(colours, marks, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error as error:
        raise TuneError("The subject can't be told from its background: give a box around it.") from error
    return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)


def _without_holes(mask: Floats) -> Floats:
    """The larger pieces of a mask, with small holes filled."""
    kept = np.zeros(mask.shape, np.uint8)
    _, numbers, figures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = figures[1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return mask
    large = 1 + np.flatnonzero(areas >= areas.max() * _PIECE)
    kept[np.isin(numbers, large)] = 1
    _, numbers, figures, _ = cv2.connectedComponentsWithStats(1 - kept)
    small = 1 + np.flatnonzero(figures[1:, cv2.CC_STAT_AREA] < areas.max() * _HOLE)
    kept[np.isin(numbers, small)] = 1
    return kept.astype(np.float32)


def _from_box(small: Raster, box: Box, scale: float) -> Pixels:
    marks = np.full(small.rgb.shape[:2], cv2.GC_BGD, np.uint8)
    x, y, width, height = (round(value * scale) for value in box)
    marks[y : max(y + height, y + 1), x : max(x + width, x + 1)] = cv2.GC_PR_FGD
    return marks


def _from_border(lab: Floats) -> Pixels:
    """Marks by how far a pixel's colour is from those of the border, near the middle more readily (Wei et al. 2012:
    what touches the border is mostly background)."""
    height, width = lab.shape[:2]
    rim = _rim(lab)
    border = lab[rim]
    cv2.setRNGSeed(0)
    groups = np.empty((len(border), 1), np.int32)
    _, _, centres = cv2.kmeans(border, min(4, len(border)), groups, (3, 20, 0.5), 2, cv2.KMEANS_PP_CENTERS)
    distance = np.min([np.linalg.norm(lab - centre, axis=2) for centre in centres], axis=0)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    score = cv2.GaussianBlur(distance, (0, 0), 3) * np.exp(-(x**2 + y**2) / 0.8)
    score = score / max(float(score.max()), 1e-6)
    threshold, _ = cv2.threshold(to_bytes(score), 0, 255, cv2.THRESH_OTSU)
    marks = np.where(score > _READILY * threshold / 255, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    return np.where(rim, cv2.GC_BGD, marks).astype(np.uint8)


def _refined(small: Raster, mask: Floats, picture: Raster) -> Floats:
    """The mask at full size, its outline drawn to the picture's own edges."""
    guide, size = luminance(small.rgb), (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    mean_guide, mean_mask = cv2.blur(guide, size), cv2.blur(mask, size)
    slope = (cv2.blur(guide * mask, size) - mean_guide * mean_mask) / (
        cv2.blur(guide * guide, size) - mean_guide**2 + _SMOOTHNESS
    )
    offset = mean_mask - slope * mean_guide
    full = picture.size
    slope, offset = (cv2.resize(cv2.blur(part, size), full, interpolation=cv2.INTER_LINEAR) for part in (slope, offset))
    alpha = slope * luminance(picture.rgb) + offset
    # The filter may stray far from the outline: there the cut itself is right.
    certain = cv2.resize(cv2.GaussianBlur(mask, (0, 0), _RADIUS / 2), full, interpolation=cv2.INTER_LINEAR)
    alpha = np.where(certain > 0.98, 1, np.where(certain < 0.02, 0, alpha))
    return np.clip((alpha - 0.15) / 0.7, 0, 1).astype(np.float32)
