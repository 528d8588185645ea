"""Words that name a look, and what they mean along the axes of looks.

An encoder that learned from captions hardly knows such words: captions say what is in a picture, seldom how it was
printed. So they are listed here, and others are taken for the nearest of these by meaning.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.guided.axes import along

Meanings = Callable[[Sequence[str]], Floats]
"""Texts -> unit-norm vectors [n, m] in which texts that mean the same are near."""

LOOKS: dict[str, Floats] = {
    "warm, golden, cosy, warmer, amber, yellow, orange": along(warmth=0.8),
    "sunny, summer": along(warmth=0.5, brightness=0.4, saturation=0.2),
    "cold, cool, icy, bluish, blue, wintry, colder, cooler": along(warmth=-0.8),
    "bright, light, brighter, lighter, high key": along(brightness=0.8),
    "airy": along(brightness=0.7, contrast=-0.3, fade=0.2, saturation=-0.15),
    "dark, darker, dim, underexposed, night": along(brightness=-0.8),
    "low key": along(brightness=-0.8, contrast=0.5),
    "gloomy, moody, sombre": along(brightness=-0.5, saturation=-0.4, warmth=-0.25, contrast=0.2),
    "dramatic": along(contrast=0.8, brightness=-0.25, shadows=-0.2),
    "high contrast, contrast, contrasty, punchy, crisp, more contrast": along(contrast=0.8),
    "low contrast, flat, soft, softer, gentle": along(contrast=-0.7, fade=0.2),
    "vivid, colourful, saturated, vibrant, lively, intense colours": along(saturation=0.8, contrast=0.15),
    "muted, desaturated, dull, pale, subdued colours": along(saturation=-0.7),
    "pastel": along(brightness=0.5, saturation=-0.5, fade=0.4, contrast=-0.3, rose=0.1),
    "dreamy, romantic": along(brightness=0.4, contrast=-0.4, fade=0.4, rose=0.3, warmth=0.2),
    "faded, washed out, bleached, matte": along(fade=0.9, saturation=-0.4, contrast=-0.2),
    "vintage, retro, old photograph, nostalgic": along(fade=0.7, warmth=0.6, saturation=-0.4, contrast=-0.1),
    "film, analogue film": along(fade=0.45, split=0.35, contrast=0.3, saturation=-0.1, warmth=0.2),
    "cinematic, movie, teal and orange": along(split=0.8, contrast=0.4, saturation=-0.1),
    "black and white, monochrome, grey, greyscale, no colours": along(saturation=-1.7),
    "noir": along(saturation=-1.7, contrast=0.8, brightness=-0.3),
    "sepia": along(saturation=-1.7, warmth=0.9, fade=0.3),
    "sunset, golden hour": along(warmth=0.9, rose=0.3, brightness=-0.2, saturation=0.25, contrast=0.2),
    "sunrise, dawn": along(warmth=0.4, rose=0.5, brightness=0.15, contrast=-0.3, fade=0.2),
    "dusk, blue hour": along(warmth=-0.7, rose=0.2, brightness=-0.45, saturation=0.1),
    "moonlight": along(warmth=-0.9, brightness=-0.7, saturation=-0.4),
    "foggy, misty, hazy": along(contrast=-0.8, fade=0.7, saturation=-0.4, brightness=0.2),
    "rainy, overcast, cloudy": along(saturation=-0.4, warmth=-0.35, contrast=-0.3),
    "autumn, autumnal": along(warmth=0.7, greens=-0.5, reds=0.3, rose=0.1),
    "brown, earthy": along(warmth=0.5, saturation=-0.3, brightness=-0.15),
    "lush, spring": along(greens=0.7, brightness=0.3, saturation=0.1),
    "pink, rosy, red, purple": along(rose=0.8),
    "greenish, green": along(rose=-0.7),
}
"""Words of one look, the plainest first -> numbers [COUNT]."""
_DEGREES = {
    "slightly": 0.5,
    "somewhat": 0.6,
    "a bit": 0.5,
    "a little": 0.5,
    "subtle": 0.5,
    "subtly": 0.5,
    "very": 1.4,
    "strongly": 1.4,
    "extremely": 1.8,
    "much": 1.4,
    "really": 1.3,
    "more": 1.0,
    "less": -0.7,
    "not too": -0.4,
    "not so": -0.4,
    "not": -0.6,
}
_FILLING = re.compile(
    r"\b(a|an|the|with|in|of|like|make it|please|look|looks|looking|style|styled|feel|feeling|mood|tone|tones|photo|"
    r"photograph|photography|picture|image)\b"
)
_OTHER_THINGS = (
    *("dog", "cat", "person", "face", "child", "crowd", "house", "street", "city", "car", "boat", "table", "food"),
    *("tree", "mountain", "beach", "water", "grass", "sport", "running", "music", "birthday", "number", "animal"),
    *("computer", "science", "happy", "angry", "big", "small", "fast", "expensive", "painting", "drawing", "music"),
)
"""What else fragments may be about: one that is nearer to these says nothing of a look."""
_NEAR, _LEAST = 2.8, 0.55
"""Deviations above a fragment's usual cosine with words, and cosine, from which it means the same as one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the table makes of a prompt."""

    numbers: Floats
    """[COUNT] of all words that name a look."""
    known: tuple[tuple[str, str], ...]
    """Fragments of the prompt, and the look that each was taken for."""
    unknown: tuple[str, ...]
    """The other fragments."""


def read_prompt(prompt: str, meanings: Meanings | None) -> Reading:
    """The looks that a prompt names, `warm, very bright film look`, added up.

    Fragments end at commas, `and`, `but` and `with`, unless a look has that word in its name. With `meanings`, one
    that isn't listed counts as the look that is nearest in meaning, if that is near and nothing else is nearer.
    """
    listed = {word: place for place, words in enumerate(LOOKS) for word in words.split(", ")}
    names, numbers = [words.split(", ")[0] for words in LOOKS], list(LOOKS.values())
    total, known, unknown = np.zeros_like(numbers[0]), [], []
    for fragment in _fragments(prompt.lower(), listed):
        degree, rest = _degree(fragment)
        places = _places(rest, listed, meanings)
        if not places:
            unknown.append(fragment)
            continue
        for place in places:
            total += np.float32(degree) * numbers[place]
        known.append((fragment, " and ".join(names[place] for place in places)))
    return Reading(np.clip(total, -1.5, 1.5), tuple(known), tuple(unknown))


def _fragments(prompt: str, listed: dict[str, int]) -> list[str]:
    held = prompt
    for word in listed:
        if re.search(r"\b(and|but|with)\b", word):
            held = held.replace(word, word.replace(" ", "_"))
    parts = re.split(r"[,;.:!\n/+]|\b(?:and|but|with)\b", held)
    plain = (part.replace("_", " ").strip() for part in parts)
    return [part for part in plain if _stripped(part)]


def _degree(fragment: str) -> tuple[float, str]:
    """How much of it, and the fragment without the words that say so."""
    factor = 1.0
    for words, value in _DEGREES.items():
        shorter = re.sub(rf"\b{words}\b", " ", fragment)
        if shorter != fragment and _stripped(shorter):
            factor, fragment = factor * value, shorter
    return factor, _stripped(fragment)


def _stripped(text: str) -> str:
    return " ".join(_FILLING.sub(" ", text).split())


def _places(text: str, listed: dict[str, int], meanings: Meanings | None) -> list[int]:
    """The looks that a fragment names: by listed words, where it has no others, otherwise by meaning."""
    found, rest = [], text
    for word in sorted(listed, key=len, reverse=True):
        shorter = re.sub(rf"\b{word}\b", " ", rest)
        if shorter != rest:
            found.append(listed[word])
            rest = shorter
    if not rest.strip():
        return found
    nearest = _nearest(text, listed, meanings) if meanings else None
    return found if nearest is None else [nearest]


def _nearest(text: str, listed: dict[str, int], meanings: Meanings) -> int | None:
    words = [*listed, *_OTHER_THINGS]
    vectors = meanings([text, *words])
    cosines = vectors[1:] @ vectors[0]
    best = int(np.argmax(cosines))
    least = max(_LEAST, float(cosines.mean() + _NEAR * cosines.std()))
    return listed[words[best]] if best < len(listed) and cosines[best] > least else None
