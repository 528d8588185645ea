"""Colour pictures of the collection as examples: their patches, seen in grey, and the colours these have."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.raster import Raster
from tuner.repair.grey_patches import describe
from tuner.repair.lab import coloured, mean_chroma, to_lab
from tuner.repair.sizes import resized
from tuner.repair.swatches import shares

COLOURLESS = 2.0
"""Mean chroma in CIELAB up to which a picture counts as grey: toned prints and noise of scanners have more."""
_NEIGHBOURS = 24
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Examples:
    """Features [n, d] and the a*, b* [n, 2] of patches, of one picture or of several."""

    features: Floats
    chroma: Floats

    def sampled(self, count: int, random: np.random.Generator) -> "Examples":
        """So many of them drawn at random, in half precision, as thousands of pictures are kept in memory."""
        drawn = random.permutation(len(self.features))[:count]
        return Examples(self.features[drawn].astype(np.float16), self.chroma[drawn])


def example(picture: Raster) -> Examples | None:
    """The patches of a colour picture; None of a grey one."""
    if mean_chroma(picture.rgb) <= COLOURLESS:
        return None
    lab = to_lab(picture.rgb)
    features = describe(greyed(lab[..., 0]))
    rows, columns = features.shape[:2]
    chroma = resized(lab[..., 1:], (rows, columns))
    return Examples(features.reshape(rows * columns, -1), chroma.reshape(-1, 2))


def greyed(lightness: Floats) -> Floats:
    """L* [h, w] -> the value in 0..1, gamma-encoded, of the grey that is as light."""
    return coloured(lightness, np.zeros((*lightness.shape, 2), np.float32))[..., 0]


def joined(examples: Iterable[Examples]) -> Examples:
    """All patches of several."""
    several = list(examples)
    return Examples(np.concatenate([one.features for one in several]), np.concatenate([one.chroma for one in several]))


def votes(seen: Floats, examples_seen: Floats, chroma: Floats, swatches: Floats) -> Floats:
    """Odds [n, swatches] of patches [n, v] by their nearest among the examples' [m, v], whose a*, b* is [m, 2].

    Both are given as one `View` sees them; nearness is the cosine of the angle between them.
    """
    known = shares(chroma, swatches)
    query, base = (
        each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-6) for each in (seen, examples_seen)
    )
    count = min(_NEIGHBOURS, len(base))
    found = np.empty((len(query), len(swatches)), np.float32)
    for start in range(0, len(query), _AT_ONCE):
        likeness = query[start : start + _AT_ONCE] @ base.T
        nearest = np.argpartition(-likeness, count - 1, 1)[:, :count]
        near = np.take_along_axis(likeness, nearest, 1)
        weight = np.exp((near - near.max(1, keepdims=True)) * 10)
        weight /= weight.sum(1, keepdims=True)
        found[start : start + _AT_ONCE] = np.einsum("nk,nks->ns", weight, known[nearest])
    return found


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit
