"""What was made of a small copy, carried to the picture at full size."""

import numpy as np

from indexer.types import Floats
from tuner.creative.transport import resized
from tuner.raster import luminance

ROWS = 256
"""Rows that are processed at a time, which bounds the memory."""


def carried(picture: Floats, small: Floats, made: Floats, detail: float) -> Floats:
    """The outcome [h, w, 3] at the picture's size: `made` enlarged, with a share of what `small` lacks of the picture.

    `small` is the picture reduced to the size of `made`, as one level of a Laplacian pyramid (Burt and Adelson 1983).
    Where the sizes are equal the outcome is `made`. Values may lie a little beyond 0..1.
    """
    if made.shape == picture.shape:
        return made
    outcome = resized(made - np.float32(detail) * small, picture)
    for top in range(0, len(outcome), ROWS):
        outcome[top : top + ROWS] += np.float32(detail) * picture[top : top + ROWS]
    return outcome


def with_luminance(picture: Floats, other: Floats) -> Floats:
    """The colours of the picture with the brightness of the other [h, w, 3] (Gatys et al. 2016, "Preserving color").

    Where a colour can't be so light or so dark, it becomes paler and keeps its hue.
    """
    outcome = np.empty_like(picture)
    for top in range(0, len(picture), ROWS):
        part = picture[top : top + ROWS]
        light = np.clip(luminance(other[top : top + ROWS]), 0, 1)[..., None]
        outcome[top : top + ROWS] = into_gamut(light + part - luminance(part)[..., None])
    return outcome


def into_gamut(rgb: Floats) -> Floats:
    """Colours [..., 3] beyond 0..1 drawn towards grey of their brightness until they fit; others stay as they are."""
    light = np.clip(luminance(rgb), 0, 1)[..., None]
    chroma = rgb - light
    room = np.where(chroma > 0, 1 - light, light) / np.maximum(np.abs(chroma), 1e-9)
    outcome: Floats = light + chroma * np.minimum(1, room.min(-1, keepdims=True))
    return outcome
