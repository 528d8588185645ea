"""Numbers of a look by regularised least squares: the posterior mode where errors and numbers are normal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from indexer.types import Floats
from tuner.guided.looks import COUNT

_STEP = 1e-2
_HALVINGS = 4
_ENOUGH = 1e-4


def solved(errors: Callable[[Floats], Any], size: float, most: float, rounds: int) -> Floats:
    """The numbers [COUNT], each within `most` of 0, that make errors(numbers)**2 + (numbers / size)**2 least in sum.

    Gauss-Newton steps by differences, halved where they don't help, `rounds` of them at most.
    """
    numbers = np.zeros(COUNT)
    now = _whole(errors, numbers, size)
    for _ in range(rounds):
        slopes = np.stack([(_whole(errors, numbers + _STEP * one, size) - now) / _STEP for one in np.eye(COUNT)], 1)
        step = np.linalg.lstsq(slopes, -now, rcond=None)[0]
        better = None
        for halving in range(_HALVINGS):
            tried = np.clip(numbers + step / 2**halving, -most, most)
            left = _whole(errors, tried, size)
            if left @ left < now @ now:
                better = tried, left
                break
        if better is None:
            break
        gained = 1 - (better[1] @ better[1]) / (now @ now)
        numbers, now = better
        if gained < _ENOUGH:
            break
    found: Floats = numbers.astype(np.float32)
    return found


def _whole(errors: Callable[[Floats], Any], numbers: Any, size: float) -> Any:
    return np.concatenate([np.ravel(errors(numbers.astype(np.float32))).astype(np.float64), numbers / size])
