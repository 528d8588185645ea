"""A look: a few numbers that say how colours go, and the table in three dimensions that they make.

Lightness goes along a monotone curve, colours are tinted by lightness, and are stronger or turned by hue, all of it in
CIELAB. So any numbers give a smooth table in which what was lighter stays lighter along grey.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.types import Floats
from tuner.creative.lut import NODES, grid
from tuner.guided.apply import Tables, apply_tables
from tuner.repair.lab import coloured, to_lab
from tuner.work import Work

SEGMENTS, SECTORS = 6, 6
NAMES = (
    *(f"tone {place}" for place in range(SEGMENTS)),
    "black",
    "white",
    *(f"{zone} {axis}" for zone in ("shadows", "middle", "lights") for axis in "ab"),
    "saturation",
    *(f"saturation {hue}" for hue in ("red", "yellow", "green", "cyan", "blue", "magenta")),
    *(f"hue {hue}" for hue in ("red", "yellow", "green", "cyan", "blue", "magenta")),
)
"""What the numbers of a look are: log-slopes of the curve of lightness, from dark to light; black and white raised or
lowered; a* and b* added to what is dark, medium and light; chroma, in all and by hue; turns of hue."""
COUNT = len(NAMES)
MOST = 1.5
"""Largest size of a number, at strength 1; 1 is a strong change."""
_END, _TINT, _SECTOR, _TURN = 0.2, 20.0, 0.7, np.deg2rad(25)
"""What a number of 1 stands for: share of the range of lightness, units of CIELAB, share of chroma, angle."""
_TONE, _BLACK, _WHITE = slice(0, 6), 6, 7
_TINTS, _SATURATION, _SATURATIONS, _TURNS = slice(8, 14), 14, slice(15, 21), slice(21, 27)
RESIDUAL = 9
"""Nodes along each axis of what is added to the numbers' table."""


@dataclass(frozen=True, slots=True)
class Look:
    """How colours go."""

    numbers: Floats
    """[COUNT], 0 changes nothing: see NAMES."""
    residual: Floats | None = None
    """[RESIDUAL, RESIDUAL, RESIDUAL, 3] by red, green, blue: added to colours that the numbers have moved."""

    def scaled(self, strength: float) -> "Look":
        """The same look at another strength: 0 changes nothing, 2 goes twice as far.

        The numbers are scaled and not the table, so that what is monotone stays so, and no colour turns to its
        opposite.
        """
        residual = None if self.residual is None else self.residual * np.float32(strength)
        return Look(self.numbers * np.float32(strength), residual)

    def table(self) -> Floats:
        """[NODES, NODES, NODES, 3] by red, green, blue, 0..1: exactly the colours themselves where all is 0."""
        colours = grid()
        if self.numbers.any():
            moved = moved_lab(to_lab(colours), self.numbers)
            colours = coloured(moved[..., 0], moved[..., 1:])
        if self.residual is not None:
            colours = np.clip(colours + refined(self.residual), 0, 1)
        return colours.astype(np.float32, copy=False)


def apply(table: Floats, rgb: Floats, strength: float, work: Work) -> Floats:
    """Colours [h, w, 3] moved as the table [NODES, NODES, NODES, 3] says, by a share of the way; clipped to 0..1."""
    by_blue = np.ascontiguousarray(table.transpose(2, 1, 0, 3))
    return np.clip(apply_tables(Tables(by_blue), rgb, strength, work), 0, 1)


def nothing() -> Floats:
    """Numbers [COUNT] that change nothing."""
    return np.zeros(COUNT, np.float32)


def numbers_of(**named: float) -> Floats:
    """Numbers [COUNT] by name, a blank written as `_`; the rest is 0."""
    numbers = nothing()
    for name, value in named.items():
        numbers[NAMES.index(name.replace("_", " "))] = value
    return numbers


def moved_lab(lab: Floats, numbers: Floats) -> Floats:
    """CIELAB [..., 3] as the numbers [COUNT] move it; colours that sRGB lacks may come of it."""
    light: Floats = np.clip(lab[..., 0] / np.float32(100), 0, 1)
    a, b = lab[..., 1], lab[..., 2]
    hue, chroma = np.arctan2(b, a), np.hypot(a, b)
    shares = sectors(hue)
    factor = np.maximum(1 + numbers[_SATURATION] + shares @ (_SECTOR * numbers[_SATURATIONS]), 0)
    turned = hue + shares @ (np.float32(_TURN) * numbers[_TURNS])
    tints = zones(light) @ (_TINT * numbers[_TINTS].reshape(3, 2))
    outcome = np.empty_like(lab)
    outcome[..., 0] = 100 * curve(light, numbers)
    outcome[..., 1] = factor * chroma * np.cos(turned) + tints[..., 0]
    outcome[..., 2] = factor * chroma * np.sin(turned) + tints[..., 1]
    return outcome


def curve(light: Floats, numbers: Floats) -> Floats:
    """Where lightness in 0..1 goes: never down as it goes up.

    A monotone cubic (Fritsch and Carlson 1980) through knots whose steps are exponentials of the numbers.
    """
    from scipy.interpolate import PchipInterpolator

    steps = np.exp(numbers[_TONE].astype(np.float64))
    knots = np.concatenate([[0], np.cumsum(steps) / steps.sum()])
    black, white = _END * float(numbers[_BLACK]), 1 + _END * float(numbers[_WHITE])
    fine = np.linspace(0, 1, 513)
    values = black + (white - black) * PchipInterpolator(np.linspace(0, 1, SEGMENTS + 1), knots)(fine)
    outcome: Floats = np.interp(light, fine, np.clip(values, 0, 1)).astype(np.float32)
    return outcome


def zones(light: Floats) -> Floats:
    """How far lightness [...] in 0..1 is dark, medium and light, [..., 3]: shares that sum to 1 (Bernstein)."""
    shares: Floats = np.stack([(1 - light) ** 2, 2 * light * (1 - light), light**2], -1)
    return shares


def sectors(hue: Floats) -> Floats:
    """Shares [..., SECTORS] of hues (radians) in sectors around 30, 90 ... 330 degrees, smooth, with sum 1."""
    width = 2 * np.pi / SECTORS
    centres = (np.arange(SECTORS, dtype=np.float32) + 0.5) * np.float32(width)
    apart = np.abs((hue[..., None] - centres + np.pi) % (2 * np.pi) - np.pi)
    shares: Floats = np.cos(np.minimum(apart / width, 1) * np.float32(np.pi / 2)) ** 2
    return shares.astype(np.float32)


def refined(residual: Floats) -> Floats:
    """Values at RESIDUAL nodes an axis, [n, n, n, 3], at the table's NODES, linear between."""
    share = hats(np.linspace(0, 1, NODES, dtype=np.float32))
    made: Floats = np.einsum("xi,yj,zk,ijkc->xyzc", share, share, share, residual, optimize=True).astype(np.float32)
    return made


def hats(values: Floats) -> Floats:
    """Shares [n, RESIDUAL] that values [n] in 0..1 have of nodes along one axis: linear between two, with sum 1."""
    place = values[:, None] * (RESIDUAL - 1) - np.arange(RESIDUAL, dtype=np.float32)
    shares: Floats = np.maximum(0, 1 - np.abs(place)).astype(np.float32)
    return shares


def rising(table: Floats) -> bool:
    """Whether lightness never falls along the grey axis of a table, but for rounding."""
    diagonal: Any = np.arange(NODES)
    light = to_lab(table[diagonal, diagonal, diagonal])[:, 0]
    return bool((np.diff(light) > -0.05).all())
