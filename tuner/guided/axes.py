"""Ways in which looks are spoken of, each as numbers of a look; words and searches go along them."""

import numpy as np

from indexer.types import Floats
from tuner.guided.looks import COUNT, NAMES, SEGMENTS

_TONES: dict[str, tuple[float, ...]] = {
    "brightness": (0.6, 0.45, 0.15, -0.15, -0.4, -0.65),
    "contrast": (-0.7, 0.15, 0.55, 0.55, 0.1, -0.55),
    "shadows": (0.8, 0.3, -0.2, -0.2, -0.1, -0.1),
}
_OTHERS: dict[str, dict[str, float]] = {
    "warmth": {"shadows b": 0.3, "middle b": 0.5, "lights b": 0.4, "middle a": 0.15, "lights a": 0.05},
    "rose": {"shadows a": 0.15, "middle a": 0.4, "lights a": 0.3},
    "saturation": {"saturation": 0.6},
    "fade": {"black": 0.6, "white": -0.25, "saturation": -0.1},
    "split": {"shadows a": -0.2, "shadows b": -0.5, "lights a": 0.15, "lights b": 0.5},
    "greens": {"saturation yellow": 0.4, "saturation green": 0.8},
    "blues": {"saturation cyan": 0.5, "saturation blue": 0.8},
    "reds": {"saturation red": 0.8, "saturation magenta": 0.4},
}
AXES = (*_TONES, *_OTHERS)
"""Their names: 1 along one of them is a clear change that nobody would call extreme."""


def _matrix() -> Floats:
    rows = np.zeros((len(AXES), COUNT), np.float32)
    for row, name in zip(rows, AXES, strict=True):
        if name in _TONES:
            row[:SEGMENTS] = _TONES[name]
        for one, value in _OTHERS.get(name, {}).items():
            row[NAMES.index(one)] = value
    return rows


MATRIX = _matrix()
"""[axes, COUNT]: places along the axes times this are numbers of a look."""


def along(**places: float) -> Floats:
    """Numbers [COUNT] of so far along each of the axes named."""
    return np.array([places.get(name, 0) for name in AXES], np.float32) @ MATRIX
