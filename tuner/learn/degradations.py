"""Photographs gone wrong, simulated: what `guided` learns to put right where nobody has pictures before and after.

Each kind is what happens in a camera or on the way to it, so light is changed where light is meant: in linear values.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from indexer.errors import UsageError
from indexer.types import Floats, Pixels
from tuner.enhance.light import to_linear, to_stored
from tuner.raster import to_bytes

Degrade = Callable[[Floats, np.random.Generator], Floats]
"""A picture [h, w, 3] in 0..1, gamma-encoded, and what chance says -> what became of it, which may leave 0..1."""

_TOGETHER = (0.4, 0.4, 0.2)
"""Odds that one, two or three things went wrong."""


def haze(rgb: Floats, rng: np.random.Generator) -> Floats:
    """Light of the air between, which grows with the distance (Koschmieder 1924): far is mostly up, and uneven."""
    height, width = rgb.shape[:2]
    rough = rng.standard_normal((4, 4)).astype(np.float32)
    depth = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(0.25)
    depth += np.linspace(1.3, 0.7, height, dtype=np.float32)[:, None]
    clear = np.exp(-np.float32(rng.uniform(0.25, 1.0)) * np.clip(depth, 0.2, 2.0))[..., None]
    air = np.float32(rng.uniform(0.75, 0.95)) + rng.uniform(-0.03, 0.03, 3).astype(np.float32)
    return to_stored(to_linear(rgb) * clear + to_linear(air) * (1 - clear))


def underexposed(rgb: Floats, rng: np.random.Generator) -> Floats:
    """Half a stop to two and a half stops too little light."""
    return to_stored(to_linear(rgb) * np.float32(2 ** -rng.uniform(0.5, 2.5)))


def overexposed(rgb: Floats, rng: np.random.Generator) -> Floats:
    """A third of a stop to one and a third too much; what burns out is lost."""
    return to_stored(to_linear(rgb) * np.float32(2 ** rng.uniform(0.33, 1.33)))


def cast(rgb: Floats, rng: np.random.Generator) -> Floats:
    """White balance that is off: from blue to yellow, and a little from green to magenta; luma of white stays."""
    warm, tint = rng.uniform(0.12, 0.45) * rng.choice((-1, 1)), rng.normal(0, 0.08)
    gains = np.exp(np.array([warm, tint, -warm], np.float32))
    gains /= gains @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return to_stored(to_linear(rgb) * gains)


def contrast(rgb: Floats, rng: np.random.Generator) -> Floats:
    """Values squeezed around the middle: neither black nor white is left."""
    middle, share = np.float32(rng.uniform(0.4, 0.6)), np.float32(rng.uniform(0.35, 0.75))
    squeezed: Floats = middle + (rgb - middle) * share
    return squeezed


def noise(rgb: Floats, rng: np.random.Generator) -> Floats:
    """Of photons and of reading out: 2 to 12 of 255 in the middle greys."""
    spread = np.float32(rng.uniform(2, 12) / 255) * np.sqrt(0.3 + 1.4 * np.clip(rgb, 0, 1))
    noisy: Floats = rgb + spread * rng.standard_normal(rgb.shape, np.float32)
    return noisy


KINDS: dict[str, Degrade] = {
    "haze": haze,
    "underexposed": underexposed,
    "overexposed": overexposed,
    "cast": cast,
    "contrast": contrast,
    "noise": noise,
}
"""In the order in which they happen to a picture."""


def read_kinds(text: str) -> tuple[str, ...]:
    """The kinds that a list names, `all` for every one; UsageError for one that isn't known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in KINDS and name != "all"]
    if unknown or not names:
        raise UsageError(f"There is no degradation {', '.join(unknown)!r}. Valid: all, {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in names or "all" in names)


def degrade(rgb: Floats, kinds: Sequence[str], rng: np.random.Generator) -> Pixels:
    """A clean picture [h, w, 3] in 0..1 with one to three of these kinds gone wrong, as 8 bits store it."""
    count = min(1 + int(rng.choice(3, p=_TOGETHER)), len(kinds))
    chosen = set(rng.choice(len(kinds), count, replace=False))
    picked = [kind for place, kind in enumerate(kinds) if place in chosen]
    if "overexposed" in picked and "underexposed" in picked:
        picked.remove(str(rng.choice(("overexposed", "underexposed"))))
    for kind in picked:
        rgb = np.clip(KINDS[kind](rgb, rng), 0, 1)
    return to_bytes(rgb)
