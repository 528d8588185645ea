"""Colour words for the main colours of a picture."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from indexer.types import Floats

PROTOTYPES: dict[str, tuple[str, ...]] = {
    "black": ("#000000", "#1c1c1c", "#26262a", "#323538"),
    "white": ("#ffffff", "#f2f2f2"),
    "grey": ("#808080", "#a8a8a8", "#c8c8c8", "#606060", "#404246"),
    "red": ("#d01c1c", "#a01c20", "#e84040", "#b03a3a"),
    "green": ("#2f9e41", "#1f6b34", "#7fc97f", "#4a7a55", "#a6efc0", "#66745f"),
    "blue": ("#2f62c8", "#1f3f9a", "#6fa8dc", "#4a78b0", "#a8c8ee", "#5a6f96", "#d0dcea", "#8e9cb4", "#5a6672"),
    "yellow": ("#f2d41c", "#f7e76a", "#d8b820"),
    "orange": ("#f0821c", "#e0642a", "#f5a34a"),
    "brown": ("#6b4226", "#8a5a36", "#4a3020", "#a8764a", "#754f3e", "#8a7462", "#5c4a40", "#a08472"),
    "pink": ("#f29ab8", "#e8649a", "#f7c4d0", "#d87a94", "#f0dada", "#c89aa0"),
    "purple": ("#7a3a9e", "#5a2a78", "#a878c8", "#8a6a9a", "#443a54", "#7a6a88"),
    "navy": ("#141e46", "#1c2a52", "#28324e", "#2a2c3a", "#10165c"),
    "beige": ("#e6d8bc", "#d8c4a0", "#ece2d0", "#c8b490", "#ddd2c6"),
    "olive": ("#6b6b2a", "#808040", "#55552c"),
    "maroon": ("#5a1420", "#701c2c"),
    "turquoise": ("#30c0c0", "#1f8f98", "#80dcd4"),
}
"""The eleven basic colour terms (Berlin and Kay 1969) and a few words of shops, each with sRGB colours that it names:
a word covers more than one place of the colour space."""
_WHITE_POINT = np.array([0.95047, 1.0, 1.08883])  # D65
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
BACKGROUND = 0.25
"""Share of a picture from which plain white in it is what the thing lies on."""
_PLAIN_LIGHTNESS, _PLAIN_CHROMA = 96.0, 4.0
_SUBJECT = 0.08
"""Share of the picture that must be left when the background is taken off; else the thing itself is white."""
_RIM = 0.35
"""The same for white on a background that was taken off: less is the rim, where thing and background mix."""
_FAINT = 6.0
"""Chroma below which a colour has no hue to speak of."""
_WEIGHTS = np.array([0.6, 1.0, 1.0])
"""Of lightness and the two axes of hue: light and shade change the first."""
_LEAST, _MOST = 0.2, 3
"""Share of what is left from which a colour is a main one, and how many there are at most."""


def lab(rgb: Floats) -> Floats:
    """sRGB in 0..1 [n, 3] -> CIELAB (L* 0..100, a*, b*) [n, 3], white point D65 (CIE 15:2004, IEC 61966-2-1)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE_POINT
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


@lru_cache(maxsize=65_536)
def colour_word(colour: str) -> str:
    """The word for '#rrggbb': that of the prototype nearest in CIELAB.

    What has a hue, however faint, isn't called black, white or grey: what the catalogue keeps are means over small
    squares of the picture, and these are duller than the thing is.
    """
    own = _lab_of([colour])[0]
    distances = (((_LAB - own) * _WEIGHTS) ** 2).sum(1)
    hueless = np.hypot(own[1], own[2]) < _FAINT
    return _WORDS[int(np.where(hueless == _HUELESS, distances, np.inf).argmin())]


def colour_words(colours: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Words for the main colours of a picture, given as the catalogue has them ('#rrggbb', share in 0..1); each with
    its share of the picture, largest first.

    The plain white that product pictures lie on doesn't count, unless nothing else is there.
    """
    given = [(colour, share) for colour, share in colours]
    plain = sum(share for colour, share in given if _is_plain(colour))
    rest = [(colour, share) for colour, share in given if not _is_plain(colour)]
    lies_on_white = plain >= BACKGROUND and sum(share for _, share in rest) >= _SUBJECT
    given = rest if lies_on_white else given
    shares: Counter[str] = Counter()
    for colour, share in given:
        shares[colour_word(colour)] += share  # type: ignore[assignment]
    total = sum(shares.values())
    least = dict.fromkeys(shares, _LEAST * total)
    if lies_on_white:
        least["white"] = _RIM * total
    return [(word, round(share, 4)) for word, share in shares.most_common(_MOST) if share >= least[word]]


@lru_cache(maxsize=65_536)
def _is_plain(colour: str) -> bool:
    lightness, a, b = _lab_of([colour])[0]
    return bool(lightness >= _PLAIN_LIGHTNESS and np.hypot(a, b) <= _PLAIN_CHROMA)


def _lab_of(colours: list[str]) -> Floats:
    return lab(np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours]))


_HUELESS_WORDS = ("black", "white", "grey")
_WORDS = [word for word, colours in PROTOTYPES.items() for _ in colours]
_LAB = _lab_of([colour for colours in PROTOTYPES.values() for colour in colours])
_HUELESS = np.array([word in _HUELESS_WORDS for word in _WORDS])
