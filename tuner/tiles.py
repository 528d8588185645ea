"""Large pictures in parts: memory is bounded by the part, and no seam can be seen."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from indexer.types import Floats
from tuner.work import Work


def tiled(
    apply: Callable[[Floats], Floats],
    picture: Floats,
    work: Work,
    *,
    halo: int,
    scale: int = 1,
    grid: int = 1,
    what: str = "",
) -> Floats:
    """Apply a local method to [h, w, c] part by part -> [h * scale, w * scale, c'].

    Each part of at most `work.tile` pixels a side is processed with `halo` more on every side, which are cut off
    afterwards: where no pixel depends on others further than `halo` away, the outcome is that of the whole picture.
    Parts begin at multiples of `grid`, if `halo` is one, for methods that depend on where a pixel lies in a grid.
    At the picture's edge a part ends with the picture, as the whole does. MemoryError is passed on: the caller of the
    operation tries again with smaller parts.
    """
    height, width = picture.shape[:2]
    if max(height, width) <= work.tile:
        work.step(0, 1, what)
        return apply(picture)
    parts = list(_parts(height, width, work.tile, grid))
    outcome: Floats | None = None
    for done, (top, left, bottom, right) in enumerate(parts):
        work.step(done, len(parts), what)
        above, before = max(0, top - halo), max(0, left - halo)
        made = apply(np.ascontiguousarray(picture[above : bottom + halo, before : right + halo]))
        if outcome is None:
            outcome = np.empty((height * scale, width * scale, *made.shape[2:]), np.float32)
        inner = made[(top - above) * scale :, (left - before) * scale :]
        outcome[top * scale : bottom * scale, left * scale : right * scale] = inner[
            : (bottom - top) * scale, : (right - left) * scale
        ]
    assert outcome is not None, "a picture has at least one part"
    return outcome


def _parts(height: int, width: int, tile: int, grid: int) -> Iterator[tuple[int, int, int, int]]:
    """Top, left, bottom, right of parts of about equal size that cover the picture."""
    tops, lefts = _cuts(height, tile, grid), _cuts(width, tile, grid)
    for top, bottom in pairwise(tops):
        for left, right in pairwise(lefts):
            yield top, left, bottom, right


def _cuts(side: int, tile: int, grid: int) -> list[int]:
    """Where parts begin along a side, and its end."""
    steps = max(1, tile // grid)  # the most that a part may have
    cells = -(-side // grid)
    parts = -(-cells // steps)
    return [cells * part // parts * grid for part in range(parts)] + [side]
