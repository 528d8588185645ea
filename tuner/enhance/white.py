"""The colour of the light that a picture was taken in, and how sure one can be of it."""

from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.enhance.light import to_linear

_NORM = 6
"""The Minkowski norm with which Finlayson and Trezzi found shades of grey best."""
_FEWEST = 50
_PAPER, _GROUND = 0.95, 0.05
"""Value that all channels of white paper have at least; share of a picture that such ground fills."""
_LARGEST = 0.8
"""A cast of so many stops isn't a fault of a camera's: the light was coloured."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What would make the light white."""

    gains: Floats
    """[3], for light of red, green and blue; their geometric mean is 1."""
    confidence: float
    """0 (leave it) .. 1."""


def find_cast(rgb: Floats) -> Cast:
    """The cast of [h, w, 3] in 0..1 by shades of grey (Finlayson and Trezzi 2004).

    A fault of white balance colours dark, middle and bright parts alike, and mildly. Where they disagree (a red sky
    over a dark shore), or where the cast is strong, colours belong to the scene: confidence falls to 0.
    """
    if float((rgb.min(2) > _PAPER).mean()) > _GROUND:  # white is there, and it is white
        return Cast(np.ones(3, np.float32), 0.0)
    light = to_linear(rgb).reshape(-1, 3)
    usable = light[(rgb.reshape(-1, 3).max(1) < 0.98) & (rgb.reshape(-1, 3).max(1) > 0.04)]
    if len(usable) < _FEWEST:
        return Cast(np.ones(3, np.float32), 0.0)
    order = np.argsort(usable.sum(1))
    whole = _stops(usable)
    parts = np.stack([_stops(usable[one]) for one in np.array_split(order, 3)])
    disagreement = float(np.abs(parts - whole).max())
    strength = float(np.abs(whole).max())
    confidence = float(np.clip(1 - disagreement / 0.5, 0, 1) * np.clip(2 - 2 * strength / _LARGEST, 0, 1))
    return Cast(np.exp2(-whole).astype(np.float32), confidence)


def _stops(light: Floats) -> Floats:
    """[n, 3] -> by how many stops each channel is above their mean."""
    means = np.log2(np.mean(np.power(light.astype(np.float64), _NORM), 0) ** (1 / _NORM) + 1e-4)
    return np.asarray(means - means.mean(), np.float32)


def gains_by_hand(temperature: float, tint: float) -> Floats:
    """Gains [3] for light: 1 of temperature is a stop between red and blue, 1 of tint half a stop against green."""
    stops = np.array([temperature / 2 + tint / 6, -tint / 3, -temperature / 2 + tint / 6])
    return np.asarray(np.exp2(stops), np.float32)
