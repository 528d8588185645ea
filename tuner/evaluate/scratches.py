"""Scratches and dust, simulated on clean photographs with fixed seeds: how well they are found, and repaired."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np

from indexer.types import Floats, Pixels
from tuner.evaluate.comparison import MEASURES, OURS, Case, Row, Truth, compare
from tuner.raster import Raster, from_bytes, to_bytes
from tuner.repair.masks import Mask, grown
from tuner.repair.patches import smooth
from tuner.repair.scratches import ScratchesParameters, find, scratches
from tuner.work import Work

NEAR = 2
"""Pixels that what was found may be off."""
LEAST = 0.1
"""Opacity from which on a pixel counts as damaged."""


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """Rows on damaged pictures, ours with precision, recall and F1 of the mask, and on clean ones, of which `found`
    is the share that was wrongly taken for scratches."""
    made = [damaged(one.rgb, np.random.default_rng(number)) for number, one in enumerate(truths)]
    masks = {one.name: mask for one, (_, mask) in zip(truths, made, strict=True)}
    cases = [Case(one, Raster(rgb)) for one, (rgb, _) in zip(truths, made, strict=True)]
    default = ScratchesParameters()
    methods: dict[str, Callable[[Case], Floats]] = {
        "nothing": lambda case: case.given.rgb,
        "median 3": partial(_median, side=3),
        "median 5": partial(_median, side=5),
        "telea with the true mask": lambda case: smooth(case.given.rgb, masks[case.truth.name]),
        OURS: lambda case: scratches(case.given, default, work).rgb,
    }
    yield from compare("scratches", "simulated scratches and dust", cases, methods, work)
    right = [agreement(find(case.given.rgb, default, work), masks[case.truth.name]) for case in cases]
    figures = dict(zip(("precision", "recall", "f1"), np.mean(right, axis=0).tolist(), strict=True))
    yield Row("scratches", "simulated, the mask", OURS, True, len(cases), figures, 0.0)
    clean = [float(find(one.rgb, default, work).mean()) for one in truths]
    yield Row("scratches", "no scratches, the mask", OURS, True, len(truths), {"found": float(np.mean(clean))}, 0.0)
    unhurt = [Case(one, Raster(one.rgb)) for one in truths]
    yield from compare("scratches", "no scratches", unhurt, {OURS: methods[OURS]}, work, MEASURES)


def damaged(rgb: Floats, rng: np.random.Generator) -> tuple[Floats, Mask]:
    """Four to nine bent scratches, 1 to 4 pixels wide, and specks, bright or dark and partly transparent, over it;
    rounded to 8 bits. The mask says where."""
    outcome, mask = rgb.copy(), np.zeros(rgb.shape[:2], bool)
    draws = [_scratch] * int(rng.integers(4, 10)) + [_speck] * int(rng.integers(10, 40))
    for draw in draws:
        over = np.zeros(rgb.shape[:2], np.uint8)
        draw(over, rng)
        opacity = (over / np.float32(255) * np.float32(rng.uniform(0.4, 1))).astype(np.float32)[..., None]
        shade = np.float32(rng.uniform(0.85, 1) if rng.random() < 0.7 else rng.uniform(0, 0.15))
        outcome = outcome * (1 - opacity) + shade * opacity
        mask |= opacity[..., 0] > LEAST
    return from_bytes(to_bytes(outcome)).rgb, mask


def agreement(found: Mask, true: Mask) -> tuple[float, float, float]:
    """Precision, recall and F1 of a mask, where pixels may be NEAR off."""
    precision = float((found & grown(true, NEAR)).sum() / max(1, found.sum()))
    recall = float((true & grown(found, NEAR)).sum() / max(1, true.sum()))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def _scratch(over: Pixels, rng: np.random.Generator) -> None:
    height, width = over.shape
    count, angle = int(rng.integers(3, 8)), rng.uniform(0, 2 * np.pi)
    length = rng.uniform(0.15, 0.8) * max(height, width) / count
    points = [np.array([rng.uniform(0, width), rng.uniform(0, height)])]
    for _ in range(count):
        angle += rng.normal(0, 0.25)
        points.append(points[-1] + length * np.array([np.cos(angle), np.sin(angle)]))
    eighths = np.round(np.array(points) * 8).astype(np.int32)
    cv2.polylines(over, [eighths], False, 255, int(rng.integers(1, 5)), cv2.LINE_AA, 3)


def _speck(over: Pixels, rng: np.random.Generator) -> None:
    centre = int(rng.uniform(0, over.shape[1])), int(rng.uniform(0, over.shape[0]))
    axes = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    cv2.ellipse(over, centre, axes, rng.uniform(0, 180), 0, 360, 255, cv2.FILLED, cv2.LINE_AA)


def _median(case: Case, side: int) -> Floats:
    return from_bytes(cv2.medianBlur(to_bytes(case.given.rgb), side).astype(np.uint8, copy=False)).rgb
