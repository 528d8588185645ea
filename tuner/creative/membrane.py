"""A patch set into another picture without a seam: Poisson image editing (Pérez et al. 2003) by a membrane.

Solving for given gradients is the same as adding to the patch a smooth membrane that makes up the difference along its
outline. A membrane is harmonic inside, so a coarse grid tells all of it, and values keep their full precision.
"""

import cv2
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from indexer.types import Floats

_SIDE = 192
"""Pixels of the longer side of the grid that the membrane is solved on."""


def membrane(difference: Floats, inside: Floats) -> Floats:
    """The harmonic function that continues `difference` [h, w, c] into `inside` [h, w] (0..1, over one half is inside).

    What touches the picture's edge is continued from the outline that is there. Without any outline it is 0.
    """
    height, width = inside.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    within = cv2.resize(inside, size, interpolation=cv2.INTER_AREA) > 0.5
    known = cv2.resize(difference, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    solved = _solve(np.asarray(known, np.float64), within).astype(np.float32)
    smooth = cv2.resize(solved, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32).reshape(difference.shape)


def _solve(known: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Laplace's equation on the pixels `within` [h, w], with the `known` values [h, w, c] around them."""
    unknown = int(within.sum())
    if not unknown or within.all():
        return np.where(within[..., np.newaxis], 0.0, known)
    number = np.full(within.shape, -1)
    number[within] = np.arange(unknown)
    rows, columns = np.nonzero(within)
    diagonal, right = np.zeros(unknown), np.zeros((unknown, known.shape[2]))
    entries: list[tuple[np.ndarray, np.ndarray]] = []
    for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = rows + down, columns + across
        exists = (y >= 0) & (y < within.shape[0]) & (x >= 0) & (x < within.shape[1])
        diagonal += exists
        y, x, own = y[exists], x[exists], np.flatnonzero(exists)
        free = within[y, x]
        entries.append((own[free], number[y[free], x[free]]))
        np.add.at(right, own[~free], known[y[~free], x[~free]])
    own = np.concatenate([np.arange(unknown), *(row for row, _ in entries)])
    other = np.concatenate([np.arange(unknown), *(column for _, column in entries)])
    values = np.concatenate([diagonal, -np.ones(len(own) - unknown)])
    solution = splu(csr_matrix((values, (own, other)), shape=(unknown, unknown)).tocsc()).solve(right)
    filled = known.copy()
    filled[within] = solution
    return filled
