"""The look of pictures that somebody likes: how they differ from usual photographs of like content.

A look is sought that gives photographs of the collection, like in content to those liked, the tones and colours of
these. What scenes have of their own is in both, and so has no part in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.types import Floats
from tuner.guided.looks import SECTORS, Look, moved_lab, sectors, zones
from tuner.guided.solving import solved
from tuner.raster import Raster
from tuner.repair.lab import to_lab
from tuner.repair.sizes import resized

FEWEST = 5
"""Liked pictures below which nothing is told of a look."""
FEWEST_OTHERS = 12
"""Other pictures below which one can't know what is usual."""
SIDE = 16
"""Rows and columns that colours are read at: [SIDE * SIDE] of each picture."""
MOVE = 22.0
"""Mean distance in CIELAB that one picture is moved at most, at strength 1."""
_NEAR = 8
"""Usual photographs that each liked one is compared with."""
_CONTENT, _NEIGHBOUR = 0.5, 0.1
"""Cosines by which the weight of a liked picture, and of a usual one, falls to 1/e."""
_SIZE = 0.35
"""Deviation of the numbers of looks that people have, before any is seen."""
_SHRINK = 0.1
_QUANTILES = (2, 10, 25, 50, 75, 90, 98)
_NEUTRAL = 15.0
"""Chroma up to which a colour counts as a grey that was tinted."""
_ROUNDS = 3
_KEPT = 48
"""Usual photographs that count most, which are looked at."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Pictures as taste looks at them."""

    lab: Floats
    """CIELAB of their colours [n, SIDE * SIDE, 3]."""
    vectors: Floats
    """Unit-norm embeddings [n, dimension], for likeness of content."""


def colours_of(pictures: Sequence[Raster]) -> Floats:
    """CIELAB [n, SIDE * SIDE, 3] of pictures of any size, reduced by area."""
    return np.stack([to_lab(resized(one.rgb, (SIDE, SIDE))).reshape(-1, 3) for one in pictures])


def taste_look(vector: Floats, liked: Sample, usual: Sample) -> Look:
    """The look that usual pictures of like content need to be as those liked, for a picture with this embedding.

    The posterior mode of the numbers, all being normal: liked pictures' statistics are known no better than their
    spread over photographs allows, so few examples give a weaker look and never a wild one. It is found by
    Gauss-Newton steps. Liked pictures count by their cosine with `vector`, usual ones by theirs with the liked.
    """
    weights = _falling(liked.vectors @ vector, _CONTENT)
    others = _matched(liked.vectors, usual.vectors, weights)
    kept = np.argsort(-others, kind="stable")[: min(_KEPT, np.count_nonzero(others))]
    base, shares = usual.lab[kept], others[kept] / others[kept].sum()
    target = weights @ statistics(liked.lab)
    spread = _spread(usual) * np.float32(np.square(weights).sum() + np.square(shares).sum())
    whiten = np.linalg.cholesky(np.linalg.inv(spread.astype(np.float64))).T
    return Look(solved(lambda numbers: whiten @ (target - _mean(base, shares, numbers)), _SIZE, 1.0, _ROUNDS))


def bounded(look: Look, picture: Raster) -> Look:
    """The look, weaker where it would move this picture further than MOVE on average."""
    lab = colours_of([picture])[0]
    low, high = 0.0, 1.0
    if _moved(lab, look) <= MOVE:
        return look
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if _moved(lab, look.scaled(middle)) <= MOVE else (low, middle)
    return look.scaled(low)


def statistics(lab: Floats) -> Floats:
    """What tones and colours of pictures [n, p, 3] in CIELAB are like, [n, s]: quantiles of lightness, the tint of
    what is nearly grey by lightness, and chroma, in all and by hue."""
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    levels = np.percentile(light, _QUANTILES, axis=1).T
    near = np.exp(-np.square(chroma / _NEUTRAL) / 2) + 0.02
    parts = zones(light / np.float32(100)) * near[..., None]
    parts /= parts.sum(1, keepdims=True) + 1e-3 * lab.shape[1]
    tints = np.einsum("npz,npc->nzc", parts, lab[..., 1:]).reshape(len(lab), -1)
    strong = np.stack([chroma.mean(1), *np.percentile(chroma, (50, 90), axis=1)], 1)
    hues = sectors(np.arctan2(lab[..., 2], lab[..., 1])) * chroma[..., None]
    by_hue = np.sqrt(np.square(hues).mean(1) + 1).reshape(len(lab), SECTORS)
    made: Floats = np.concatenate([levels, tints, strong, by_hue], 1).astype(np.float32)
    return made


def _mean(lab: Floats, weights: Floats, numbers: Floats) -> Any:
    return weights @ statistics(moved_lab(lab, numbers))


def _falling(cosines: Floats, by: float) -> Floats:
    """Weights with sum 1 that fall with the distance from the largest cosine."""
    weights = np.exp((cosines - cosines.max()) / by)
    made: Floats = weights / weights.sum()
    return made


def _matched(liked: Floats, usual: Floats, weights: Floats) -> Floats:
    """Weights [m] of usual pictures: each liked one shares its own out among those nearest to it."""
    found = np.zeros(len(usual), np.float32)
    for cosines, weight in zip(liked @ usual.T, weights, strict=True):
        near = np.argsort(-cosines, kind="stable")[:_NEAR]
        found[near] += weight * _falling(cosines[near], _NEIGHBOUR)
    return found


def _spread(usual: Sample) -> Floats:
    """Covariance [s, s] of statistics over photographs, shrunk to its diagonal."""
    values = statistics(usual.lab)
    covariance = np.cov(values.T)
    diagonal = np.diag(np.diag(covariance) + 0.25)
    made: Floats = ((1 - _SHRINK) * covariance + _SHRINK * diagonal + 0.25 * np.eye(len(covariance))).astype(np.float32)
    return made


def _moved(lab: Floats, look: Look) -> float:
    return float(np.linalg.norm(moved_lab(lab, look.numbers) - lab, axis=-1).mean())
