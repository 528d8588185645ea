"""Taking out compression beside the input and the classical method: JPEG by OpenCV, colour at half resolution."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from indexer.types import Floats, Pixels
from tuner.enhance.dejpeg import OPERATION, Dejpeg
from tuner.evaluate.comparison import OURS, Case, Row, Truth, compare
from tuner.raster import Raster, from_bytes, to_bytes
from tuner.work import Work

QUALITIES = (10, 20, 40, 60)


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """A row for each quality and method. Our default finds the quality by itself, the others are given it."""
    for quality in QUALITIES:
        cases = [Case(truth, compressed(truth.rgb, quality)) for truth in truths]
        yield from compare("dejpeg", f"quality {quality}", cases, _methods(quality, work), work)


def compressed(rgb: Floats, quality: int) -> Raster:
    """As it comes back from a JPEG file."""
    return from_bytes(_coded(to_bytes(rgb), quality))


def _coded(pixels: Pixels, quality: int) -> Pixels:
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
    ]
    data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), options)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def _methods(quality: int, work: Work) -> Mapping[str, Callable[[Case], Floats]]:
    def ours(**given: object) -> Callable[[Case], Floats]:
        parameters = Dejpeg.model_validate(given)
        return lambda case: OPERATION.apply(case.given, parameters, work).rgb

    return {
        "input": lambda case: case.given.rgb,
        OURS: ours(),
        "pixloom, quality given": ours(quality=quality),
        "pixloom, quick": ours(quality=quality, effort="quick"),
        "shifted JPEG": lambda case: shifted(case.given.rgb, quality),
        "cv2 bilateral": lambda case: cv2.bilateralFilter(case.given.rgb, 5, 0.1, 2),
    }


def shifted(rgb: Floats, quality: int) -> Floats:
    """The mean of the picture compressed again on all 64 grids of blocks (Nosratinia 2001)."""
    pixels, total = to_bytes(rgb), np.zeros_like(rgb)
    for down in range(8):
        for right in range(8):
            moved = np.asarray(cv2.copyMakeBorder(pixels, down, 0, right, 0, cv2.BORDER_REFLECT), np.uint8)
            total += _coded(moved, quality)[down:, right:]
    return total / np.float32(64 * 255)
