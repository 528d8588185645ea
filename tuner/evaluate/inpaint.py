"""Inpainting of 10 and 25 % of a picture under text, strokes and boxes, inside of the holes and over all."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np

from indexer.errors import UsageError
from indexer.types import Floats, Pixels
from tuner.evaluate.comparison import MEASURES, OURS, Case, Measure, Row, Truth, compare
from tuner.evaluate.measures import psnr
from tuner.raster import Raster
from tuner.repair.inpaint import fill
from tuner.repair.masks import Mask
from tuner.repair.patches import smooth
from tuner.work import Work

SHARES = (0.10, 0.25)
SEED = 0
LETTERS = "abcdefghijkmnopqrstuvwxyz ABCDEFGHKLMNPRSTUVWXYZ 0123456789"
Draw = Callable[[Pixels, np.random.Generator], None]


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """A row for each kind of mask, share and method; `psnr` is that of the hidden pixels alone."""
    names = {OURS: "mixed", **{f"{OURS}, {name}": name for name in ("exemplar", "biharmonic")}}
    for kind, draw in KINDS.items():
        for share in SHARES:
            masks = {
                one.name: drawn(one.rgb, draw, share, np.random.default_rng([SEED, number]))
                for number, one in enumerate(truths)
            }
            cases = [Case(one, Raster(np.where(masks[one.name][..., None], 0, one.rgb))) for one in truths]
            methods: dict[str, Callable[[Case], Floats]] = {
                "telea (OpenCV)": partial(_filled, masks=masks, method="telea", work=work),
                "navier-stokes (OpenCV)": partial(_filled, masks=masks, method="navier-stokes", work=work),
                **{name: partial(_filled, masks=masks, method=method, work=work) for name, method in names.items()},
            }
            measures: dict[str, Measure] = {**MEASURES, "psnr": partial(_hidden, masks=masks)}
            yield from compare("inpaint", f"{kind}, {share:.0%}", cases, methods, work, measures)


def drawn(rgb: Floats, draw: Draw, share: float, rng: np.random.Generator) -> Mask:
    """[h, w] of which at least that share is masked."""
    mask: Pixels = np.zeros(rgb.shape[:2], np.uint8)
    while mask.mean() < share:
        draw(mask, rng)
    return mask.astype(bool)


def _filled(case: Case, masks: dict[str, Mask], method: str, work: Work) -> Floats:
    hole = masks[case.truth.name]
    try:
        return fill(case.given.rgb, hole, method, work)
    except UsageError:  # larger than the method takes
        return smooth(case.given.rgb, hole)


def _hidden(case: Case, made: Floats, masks: dict[str, Mask]) -> float:
    hole = masks[case.truth.name]
    return psnr(case.truth.rgb[hole], made[hole])


def _text(mask: Pixels, rng: np.random.Generator) -> None:
    word = "".join(rng.choice(list(LETTERS), 8))
    place = int(rng.integers(-20, mask.shape[1])), int(rng.integers(0, mask.shape[0] + 10))
    cv2.putText(mask, word, place, cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.5, 0.9)), 1, 2)


def _stroke(mask: Pixels, rng: np.random.Generator) -> None:
    height, width = mask.shape
    reach = max(1, max(height, width) // 5)
    turns = rng.integers(-reach, reach + 1, (int(rng.integers(3, 7)), 2))
    points = np.cumsum(np.vstack([rng.integers(0, (width, height)), turns]), axis=0)
    cv2.polylines(mask, [points.astype(np.int32)], False, 1, int(rng.integers(6, 16)))


def _box(mask: Pixels, rng: np.random.Generator) -> None:
    side = min(mask.shape)
    height, width = rng.integers(max(1, side // 10), max(2, side // 4), 2)
    top, left = rng.integers(0, mask.shape[0] - height + 1), rng.integers(0, mask.shape[1] - width + 1)
    mask[top : top + height, left : left + width] = 1


KINDS: dict[str, Draw] = {"text": _text, "strokes": _stroke, "boxes": _box}
