"""Pictures of the collection as what an outcome shall be like: by a model that takes them as reference, or as what it
begins with."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from indexer.types import Floats
from tuner.creative.fitting import filling
from tuner.diffusion.ask import Ask
from tuner.raster import Raster

_SOFT = 0.25
"""Part of a band's width in which one picture goes over into the next."""


def begun_with(ask: Ask, pictures: Sequence[Raster], amount: float, side: int) -> Ask:
    """What is asked for, begun with a composite of the pictures instead of noise; `amount` is how much of them stays,
    0..1, `side` the pixels where no size is asked for.

    Where there is a picture to begin with already, it is mixed with them by half of that amount.
    """
    if ask.picture is not None:
        mixed = composite(pictures, ask.picture.size)
        return replace(ask, picture=ask.picture.with_rgb(_mixed(ask.picture.rgb, mixed, amount / 2)))
    size = ask.width or ask.height or side, ask.height or ask.width or side
    return replace(ask, picture=Raster(composite(pictures, size)), strength=max(1 - amount, 0.05))


def composite(pictures: Sequence[Raster], size: tuple[int, int]) -> Floats:
    """[h, w, 3] of `size` (width, height): pictures side by side in bands that go over into each other softly."""
    filled = [filling(picture.rgb, size) for picture in pictures]
    if len(filled) == 1:
        return filled[0]
    middles = (np.arange(len(filled)) + 0.5) / len(filled)
    across = (np.arange(size[0]) + 0.5) / size[0]
    reach = (0.5 + _SOFT) / len(filled)
    weights = np.clip((reach - np.abs(across[None] - middles[:, None])) * len(filled) / (2 * _SOFT), 0, 1)
    weights = (weights / weights.sum(0)).astype(np.float32)
    return np.asarray(sum(weight[None, :, None] * one for weight, one in zip(weights, filled, strict=True)), np.float32)


def _mixed(first: Floats, second: Floats, weight: float) -> Floats:
    return np.asarray(first + np.float32(weight) * (second - first), np.float32)
