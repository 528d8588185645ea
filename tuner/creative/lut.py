"""Colours by a table in three dimensions, exact to 16 bits: nothing is rounded and nothing jumps."""

import numpy as np

from indexer.types import Floats
from tuner.work import Work

NODES = 25
"""Of the table along each axis."""
BLOCK = 2**17
"""Pixels that are looked up at a time."""


def grid() -> Floats:
    """The colours at the nodes, [NODES, NODES, NODES, 3] by red, green, blue, 0..1."""
    axis = np.linspace(0, 1, NODES, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), 3)


def apply_lut(rgb: Floats, table: Floats, strength: float, work: Work) -> Floats:
    """Colours [h, w, 3] moved as the table [NODES, NODES, NODES, 3] says, by a share of the way.

    Between nodes the move is linear within tetrahedra, which keeps greys in line (Sakamoto and Itooka 1981).
    """
    moves = ((table - grid()) * np.float32(strength)).reshape(-1, 3)
    flat = rgb.reshape(-1, 3)
    outcome = np.empty_like(flat)
    for start in range(0, len(flat), BLOCK):
        work.step(start, len(flat), "colours")
        part = flat[start : start + BLOCK]
        outcome[start : start + BLOCK] = part + _looked_up(part, moves)
    return outcome.reshape(rgb.shape)


def _looked_up(colours: Floats, table: Floats) -> Floats:
    """Values [n, 3] of the flat table at colours [n, 3]: from the low corner along one axis after the other, that
    with the largest remainder first."""
    place = np.clip(colours, 0, 1) * np.float32(NODES - 1)
    low = np.minimum(place.astype(np.int32), NODES - 2)
    rest = place - low
    strides = np.array([NODES * NODES, NODES, 1], np.int32)
    order = np.argsort(-rest, 1)
    ordered = np.take_along_axis(rest, order, 1)
    corner = low @ strides
    found = table[corner] * (1 - ordered[:, :1])
    for turn in range(3):
        corner = corner + strides[order[:, turn]]
        share = ordered[:, turn] - ordered[:, turn + 1] if turn < 2 else ordered[:, turn]
        found += table[corner] * share[:, None]
    outcome: Floats = found
    return outcome
