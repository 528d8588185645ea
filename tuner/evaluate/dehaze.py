"""Haze, simulated: clean photographs seen through air that gets thicker along smooth synthetic depth."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from indexer.types import Floats
from tuner.enhance.dehaze import OPERATION, DehazeParameters
from tuner.evaluate.comparison import OURS, Case, Row, Truth, compare
from tuner.raster import Raster, to_bytes
from tuner.work import Work

CASES = (("simulated, thin haze", 0.6), ("simulated, thick haze", 1.4), ("clear", 0.0))
"""Name, and how thick the air is: of light from depth 1, exp(-thickness) comes through."""


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """Rows for each case: the input as it is, CLAHE, the plain dark channel, and ours."""

    def ours(strength: float | None) -> Callable[[Case], Floats]:
        return lambda case: OPERATION.apply(case.given, DehazeParameters(strength=strength), work).rgb

    methods: dict[str, Callable[[Case], Floats]] = {
        "input": lambda case: case.given.rgb,
        "CLAHE (OpenCV)": lambda case: _clahe(case.given.rgb),
        "dark channel": ours(0.95),
        OURS: ours(None),
    }
    for name, thickness in CASES:
        cases = [
            Case(truth, Raster(_hazy(truth.rgb, thickness, work.seed + number))) for number, truth in enumerate(truths)
        ]
        yield from compare("dehaze", name, cases, methods, work)


def _hazy(rgb: Floats, thickness: float, seed: int) -> Floats:
    """Koschmieder's law, on stored values as the literature does: rgb * through + air * (1 - through)."""
    random = np.random.default_rng(seed)
    height, width = rgb.shape[:2]
    bumps = cv2.resize(random.random((4, 4), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    depth = 0.3 + 0.5 * np.linspace(1, 0, height, dtype=np.float32)[:, None] + np.float32(0.2) * bumps
    through = np.exp(-np.float32(thickness) * depth)[..., None]
    air = random.uniform(0.8, 1, 1) + random.uniform(-0.03, 0.03, 3)
    seen = rgb * through + air.astype(np.float32) * (1 - through)
    return to_bytes(seen).astype(np.float32) / np.float32(255)


def _clahe(rgb: Floats) -> Floats:
    """Equalisation of local histograms of lightness, with OpenCV's customary settings."""
    lab = cv2.cvtColor(to_bytes(rgb), cv2.COLOR_RGB2Lab)
    lab[..., 0] = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB).astype(np.float32) / np.float32(255), np.float32)
