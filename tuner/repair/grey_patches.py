"""What the patches of a grey picture look like: light and shade, place, and the stages of the embedded tower."""

from functools import cache
from typing import Any

import cv2
import numpy as np

from indexer.errors import DependencyError
from indexer.types import Floats
from tuner.repair.sizes import Size, resized

PATCH = 8
"""Side of a patch in pixels of the reduced picture."""
_SIDE = 224
"""Every picture is looked at with as many pixels as a square of this side has: what is seen depends on size."""
_LEAST, _MOST = 32, 1024
_WIDTHS = (1.5, 4.0)
"""Standard deviations, in patches, of the surroundings that a patch is compared with."""


def reduced_size(height: int, width: int) -> Size:
    """Height and width in pixels at which a picture is looked at: whole patches, its shape about kept."""
    scale = _SIDE / (height * width) ** 0.5
    high, wide = (PATCH * round(side * scale / PATCH) for side in (height, width))
    return min(_MOST, max(_LEAST, high)), min(_MOST, max(_LEAST, wide))


def describe(grey: Floats) -> Floats:
    """[h, w] in 0..1, gamma-encoded -> features [rows, columns, n] of its patches, float32.

    The last 12 tell of light and place; those before them, where the extra `embedded` is installed, are the maps of
    EfficientNet-Lite2's stages and the means of the last two. `describe` gives the same n on one machine.
    """
    small = resized(grey, reduced_size(grey.shape[0], grey.shape[1]))
    light = _light(small)
    stages = _stages()
    return light if stages is None else np.concatenate([_maps(stages, small), light], -1)


LIGHT = 12
"""How many features tell of light and place."""


def _light(small: Floats) -> Floats:
    rows, columns = small.shape[0] // PATCH, small.shape[1] // PATCH
    blocks = small.reshape(rows, PATCH, columns, PATCH)
    value, texture = blocks.mean((1, 3)), blocks.std((1, 3))
    found = [value, texture * 5, value**2]
    for width in _WIDTHS:
        around = cv2.GaussianBlur(value, (0, 0), width)
        spread = cv2.GaussianBlur(value**2, (0, 0), width) - around**2
        found += [value - around, np.sqrt(np.maximum(spread, 0))]
    down = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    across = np.abs(np.linspace(-1, 1, columns, dtype=np.float32))[None]
    for whole in (value.mean(), value.std(), down, down**2, across):
        found.append(np.broadcast_to(whole, value.shape))
    return np.stack(found, -1).astype(np.float32)


@cache
def _stages() -> Any:
    """The embedded tower's stages, loaded once; None where the extra isn't installed."""
    from indexer.encoders.stages import load_stages

    try:
        return load_stages()
    except DependencyError:
        return None


def _maps(stages: Any, small: Floats) -> Floats:
    import torch
    from torch.nn.functional import avg_pool2d, interpolate

    grid = (small.shape[0] // PATCH, small.shape[1] // PATCH)
    with torch.inference_mode():
        maps = stages(torch.from_numpy(small)[None, None].expand(1, 3, -1, -1))
        last = torch.cat(maps[6:8], 1)
        parts = [avg_pool2d(maps[2], 2), maps[3], torch.cat(maps[4:6], 1), last]
        sized = [interpolate(part, size=grid, mode="bilinear", align_corners=False) for part in parts]
        sized.append(last.mean((2, 3), keepdim=True).expand(-1, -1, *grid))
        found: Floats = torch.cat(sized, 1)[0].permute(1, 2, 0).numpy()
    return found
