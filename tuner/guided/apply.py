"""Tables applied to pictures of any size, in strips, in 16 bits and more."""

from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.work import Work

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Tables:
    """How one picture is to be treated."""

    colours: Floats
    """Outcomes [n, n, n, 3] at the nodes of a colour table by blue, green, red, evenly spaced over 0..1."""
    grid: Floats | None = None
    """Gains and offsets [2, depth, rows, columns] by luma of what the table gives, from top to bottom and left to
    right (bilateral grid, Chen et al. 2007); None where all places are treated alike."""


def apply_tables(tables: Tables, rgb: Floats, strength: float, work: Work) -> Floats:
    """Colours [h, w, 3] in 0..1 moved by a share `strength` of the way; linear between nodes and cells, not clipped.

    Each strip of rows is looked up at once: memory beside the outcome is that of a strip.
    """
    import torch

    colours = torch.from_numpy(np.ascontiguousarray(np.moveaxis(tables.colours, 3, 0)))[None]
    grid = None if tables.grid is None else torch.from_numpy(np.ascontiguousarray(tables.grid))[None]
    outcome = np.empty(rgb.shape, np.float32)
    height, width = rgb.shape[:2]
    across = torch.linspace(-1, 1, width)
    with torch.inference_mode():
        for top in range(0, height, _ROWS):
            work.step(top, height, "colours")
            strip = torch.from_numpy(np.ascontiguousarray(rgb[top : top + _ROWS]))
            made = _sampled(colours, strip * 2 - 1)
            if grid is not None:
                places = torch.empty_like(strip)
                places[..., 0] = across
                places[..., 1] = torch.arange(top, top + len(strip))[:, None] * (2 / max(height - 1, 1)) - 1
                torch.mean(made.clamp(0, 1), 0, out=places[..., 2]).mul_(2).sub_(1)
                gain, offset = _sampled(grid, places)
                made = made * (1 + gain) + offset
            moved = made.permute(1, 2, 0)
            outcome[top : top + _ROWS] = torch.lerp(strip, moved, strength).numpy()
    return outcome


def _sampled(table: "torch.Tensor", places: "torch.Tensor") -> "torch.Tensor":  # type: ignore[name-defined]  # noqa: F821
    """A table [1, c, d, h, w] at places [rows, columns, 3] in -1..1 -> [c, rows, columns]."""
    from torch.nn import functional

    found = functional.grid_sample(table, places[None, None], align_corners=True, padding_mode="border")
    return found[0, :, 0]
