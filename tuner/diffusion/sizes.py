"""At what size a model works for a picture of any size, and how the two are brought together."""

from dataclasses import dataclass
from math import ceil, sqrt

import cv2
import numpy as np

from indexer.types import Floats

LEAST = 0.5
"""Share of its native side below which a model no longer makes anything of a picture: smaller ones are enlarged."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Width and height in pixels at the three stages."""

    outcome: tuple[int, int]
    worked: tuple[int, int]
    """The outcome's, scaled to what suits the model."""
    padded: tuple[int, int]
    """The worked size made up to the model's multiple, to the right and below."""

    @property
    def reduced(self) -> bool:
        """Whether the model works on fewer pixels than the outcome has."""
        return self.worked[0] < self.outcome[0]


def suited(outcome: tuple[int, int], side: int, multiple: int, share: float = 1.0) -> Sizes:
    """Sizes for an outcome, by a model made for squares of `side` and sides that are multiples of `multiple`.

    At most `share` times the pixels' native side (by area), and at least LEAST times it.
    """
    mean = sqrt(outcome[0] * outcome[1])
    most, least = side * share, side * min(share, LEAST)
    scale = most / mean if mean > most else least / mean if mean < least else 1.0
    worked = (max(1, round(outcome[0] * scale)), max(1, round(outcome[1] * scale)))
    width, height = (multiple * ceil(one / multiple) for one in worked)
    return Sizes(outcome, worked, (width, height))


def towards(values: Floats, sizes: Sizes) -> Floats:
    """[h, w] or [h, w, 3] of the outcome's size -> the padded size; what is added mirrors the picture."""
    made = resized(values, sizes.worked)
    right, below = sizes.padded[0] - sizes.worked[0], sizes.padded[1] - sizes.worked[1]
    if not right and not below:
        return made
    return np.pad(made, ((0, below), (0, right), *((0, 0),) * (values.ndim - 2)), mode="symmetric")


def back(values: Floats, sizes: Sizes) -> Floats:
    """[h, w, 3] of the padded size -> the outcome's."""
    return resized(np.ascontiguousarray(values[: sizes.worked[1], : sizes.worked[0]]), sizes.outcome)


def resized(values: Floats, size: tuple[int, int]) -> Floats:
    """By area where it gets smaller, by cubic interpolation where larger; the same array where neither."""
    if (values.shape[1], values.shape[0]) == size:
        return values
    smaller = size[0] < values.shape[1]
    made = cv2.resize(values, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.clip(made, 0, 1).astype(np.float32, copy=False)


def around(mask: Floats, side: int) -> tuple[slice, slice]:
    """Rows and columns of a mask [h, w] and of what is around it, so that a small hole in a large picture is worked on
    at full detail: half as much again on every side, and `side` pixels at least, where the picture has them."""
    spans = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis=axis))
        first, last, length = int(used[0]), int(used[-1]) + 1, mask.shape[1 - axis]
        wanted = min(length, max(side, 2 * (last - first)))
        start = min(max(0, (first + last - wanted) // 2), length - wanted)
        spans.append(slice(start, start + wanted))
    return spans[0], spans[1]
