"""A collection's colours as a few dozen swatches, and colours as shares of them."""

import cv2
import numpy as np

from indexer.types import Floats

COUNT = 128
_SAMPLE = 20_000
_NEAREST = 4
_SPREAD = 4.0
"""Of a colour over its nearest swatches, in units of CIELAB."""
_SHARPNESS = 1 / 0.38
"""Zhang et al. 2016 (arXiv:1603.08511) take the annealed mean with temperature 0.38: between mode and mean."""


def choose(chroma: Floats, seed: int = 0) -> Floats:
    """a*, b* [n, 2] of patches -> swatches [at most 128, 2]: k-means, strong colours counting more.

    Most of any photograph is nearly grey; drawn evenly, swatches would leave the strong colours out.
    """
    random = np.random.default_rng(seed)
    weight = np.hypot(chroma[:, 0], chroma[:, 1]) + 3
    drawn = chroma[random.choice(len(chroma), min(_SAMPLE, 4 * len(chroma)), p=weight / weight.sum())]
    count = min(COUNT, len(np.unique(np.round(drawn), axis=0)))
    cv2.setRNGSeed(seed)
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    _, _, centres = cv2.kmeans(drawn.astype(np.float32), count, None, ends, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return np.asarray(centres, np.float32)


def shares(chroma: Floats, swatches: Floats) -> Floats:
    """a*, b* [n, 2] as shares [n, swatches] of the nearest swatches, each row of sum 1."""
    distance = ((chroma[:, None] - swatches[None]) ** 2).sum(-1)
    nearest = np.argsort(distance, 1)[:, :_NEAREST]
    near = np.take_along_axis(distance, nearest, 1)
    weight = np.exp((near[:, :1] - near) / (2 * _SPREAD**2))
    found = np.zeros_like(distance, dtype=np.float32)
    np.put_along_axis(found, nearest, (weight / weight.sum(1, keepdims=True)).astype(np.float32), 1)
    return found


def decide(odds: Floats, swatches: Floats) -> Floats:
    """Odds [..., swatches], none negative -> a*, b* [..., 2]: their annealed mean."""
    sharp = (odds / odds.max(-1, keepdims=True)) ** np.float32(_SHARPNESS)
    chroma: Floats = (sharp / sharp.sum(-1, keepdims=True)) @ swatches
    return chroma
