"""A picture in equal squares that overlap, each through a network, and faded into each other."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from indexer.types import Floats
from tuner.work import Work


def patchwise(
    run: Callable[[Floats], Floats], rgb: Floats, work: Work, *, tile: int, overlap: int, scale: int = 1, what: str = ""
) -> Floats:
    """[h, w, c] -> [h * scale, w * scale, c]: `run` is given squares [tile, tile, c] only.

    Neighbours share at least `overlap` pixels, over whose middle half one fades into the other: networks that look at
    the whole square (channel attention, say) give slightly different pixels in each, and a hard edge could be seen.
    A picture smaller than the tile is reflected at its edges.
    """
    height, width = rgb.shape[:2]
    rgb = np.pad(rgb, ((0, max(0, tile - height)), (0, max(0, tile - width)), (0, 0)), mode="symmetric")
    rows, columns = starts(rgb.shape[0], tile, overlap), starts(rgb.shape[1], tile, overlap)
    down, across = fades(rows, tile, overlap // 2, scale), fades(columns, tile, overlap // 2, scale)
    outcome = np.zeros((rgb.shape[0] * scale, rgb.shape[1] * scale, rgb.shape[2]), np.float32)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            work.step(i * len(columns) + j, len(rows) * len(columns), what)
            made = run(np.ascontiguousarray(rgb[top : top + tile, left : left + tile]))
            made = made * (down[i][:, None, None] * across[j][None, :, None])
            outcome[top * scale : (top + tile) * scale, left * scale : (left + tile) * scale] += made
    return outcome[: height * scale, : width * scale]


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where as few parts as possible begin that cover a length evenly."""
    count = 1 + max(0, -(-(length - tile) // (tile - overlap)))
    return [int(start) for start in np.linspace(0, length - tile, count)]


def fades(begins: list[int], tile: int, width: int, scale: int) -> list[Floats]:
    """The weight of each part along one axis [tile * scale]; over every place they sum to one."""
    seams = [(first + tile + second) / 2 * scale for first, second in pairwise(begins)]
    weights = []
    for number, begin in enumerate(begins):
        places = begin * scale + np.arange(tile * scale) + 0.5
        rising = _ramp(places - seams[number - 1], width * scale) if number else 1.0
        falling = 1 - _ramp(places - seams[number], width * scale) if number < len(seams) else 1.0
        weights.append((rising * falling * np.ones(tile * scale)).astype(np.float32))
    return weights


def _ramp(distance: np.ndarray, width: int) -> np.ndarray:
    return np.clip(distance / max(1, width) + 0.5, 0, 1)
