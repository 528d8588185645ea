"""Colours and textures of one picture carried to another by optimal transport, without a network.

It is where style transfer starts from, and its first preview: neither torch nor POT is imported, whose import alone
takes longer than such a preview may.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats
from tuner.raster import luminance
from tuner.work import Work

PATCH = 7
"""Side of the patches of texture in pixels."""
PATCHES = 10000
"""About how many of them are looked at in a picture."""
LEVELS = (64, 128, 256)
"""Longer sides of the pictures whose patches are carried, coarse to fine."""
TURNS = 2
"""How often at each, with other directions."""
CALM = 0.03
"""Colours change no faster than in this part of the longer side, or flat parts would grow spots."""


def monge_map(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """The linear map that carries the colours of one picture to those of another with least change.

    Colours [..., 3] of any linear coordinates. Returns matrix [3, 3] and offset [3]: x @ matrix + offset has the
    target's mean and covariance. It is the Monge map between Gaussians in closed form (Pitie and Kokaram 2007).
    """
    first, second = (one.reshape(-1, 3).astype(np.float64) for one in (source, target))
    steady = 1e-4 * np.eye(3)  # a picture of one colour has no covariance to be inverted
    covariance, wanted = (np.cov(one.T, bias=True) + steady for one in (first, second))
    root = _root(covariance)
    inverse = np.linalg.inv(root)
    matrix = inverse @ _root(root @ wanted @ root) @ inverse
    return matrix.astype(np.float32), (second.mean(0) - first.mean(0) @ matrix).astype(np.float32)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T)


def match_colours(picture: Floats, reference: Floats) -> Floats:
    """The picture [h, w, 3] with mean and covariance of the reference's colours, clipped to 0..1."""
    matrix, offset = monge_map(picture, reference)
    outcome: Floats = np.clip(picture @ matrix + offset, 0, 1).astype(np.float32)
    return outcome


def fitted(picture: Floats, longest: int) -> Floats:
    """Scaled so that the longer side has so many pixels, and no side fewer than one."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.clip(np.asarray(cv2.resize(picture, size, interpolation=way), np.float32), 0, 1).reshape(*size[::-1], 3)


def transported(picture: Floats, reference: Floats, work: Work) -> Floats:
    """A quick restyling: [h, w, 3] with the colours and the texture of the reference's, about a second.

    From coarse to fine, the distribution of small patches is carried to the reference's along random directions:
    optimal transport in one dimension is sorting (Rabin et al. 2011; Pitie et al. 2007, on colours). What is moved
    least keeps the picture's own structure.
    """
    coloured = match_colours(picture, reference)
    longest = max(picture.shape[:2])
    levels = sorted({min(longest, one) for one in LEVELS})
    random = np.random.default_rng(work.seed)
    change: Floats | None = None
    for done, level in enumerate(levels):
        base, wanted = fitted(coloured, level), fitted(reference, level)
        if min(*base.shape[:2], *wanted.shape[:2]) <= PATCH:
            continue
        moved = base if change is None else base + resized(change, base)
        for turn in range(TURNS):
            work.step(done * TURNS + turn, len(levels) * TURNS, "textures")
            moved = _carried(moved, wanted, random)
        change = moved - base
    if change is None:
        return coloured
    light = luminance(change)[..., None]
    change = light + cv2.GaussianBlur(change - light, (0, 0), CALM * max(change.shape[:2]))
    outcome: Floats = np.clip(coloured + resized(change, coloured), 0, 1)
    return outcome


def resized(picture: Floats, like: Floats) -> Floats:
    """[h, w, 3] at the size of another picture; values beyond 0..1 are kept."""
    size = like.shape[1], like.shape[0]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.float32).reshape(*size[::-1], -1)


def _carried(picture: Floats, reference: Floats, random: np.random.Generator) -> Floats:
    """The picture with its patches moved so that, in random orthogonal directions, they are spread as the other's."""
    spacing = max(1, round((picture.shape[0] * picture.shape[1] / PATCHES) ** 0.5))
    margin = PATCH + int(random.integers(spacing))  # another grid each time, so that none can be seen
    sides = margin, PATCH + spacing, margin, PATCH + spacing
    around = np.asarray(cv2.copyMakeBorder(picture, *sides, cv2.BORDER_REFLECT), np.float32)
    patches = _patches(around, spacing)
    known = _patches(reference, max(1, round((reference.shape[0] * reference.shape[1] / PATCHES) ** 0.5)))
    directions = np.linalg.qr(random.standard_normal((patches[0, 0].size,) * 2))[0].astype(np.float32)
    have, want = patches.reshape(-1, len(directions)) @ directions, known.reshape(-1, len(directions)) @ directions
    order = np.argsort(have, 0)
    move = np.empty_like(have)
    np.put_along_axis(move, order, _quantiles(np.sort(want, 0), len(have)), 0)
    move = ((move - have) @ directions.T).reshape(patches.shape)
    change = _averaged(move, spacing, around.shape)
    outcome: Floats = picture + change[margin:, margin:][: picture.shape[0], : picture.shape[1]]
    return outcome


def _patches(picture: Floats, spacing: int) -> Floats:
    """Patches on a grid [down, across, PATCH, PATCH, 3]."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (PATCH, PATCH), (0, 1))
    return np.ascontiguousarray(windows[::spacing, ::spacing].transpose(0, 1, 3, 4, 2))


def _quantiles(ordered: Floats, count: int) -> Floats:
    """So many values of each ordered column [n, columns], evenly spread over it."""
    place = np.clip((np.arange(count) + 0.5) / count * len(ordered) - 0.5, 0, len(ordered) - 1)
    below = place.astype(np.intp)
    share = (place - below).astype(np.float32)[:, None]
    values: Floats = ordered[below] * (1 - share) + ordered[np.minimum(below + 1, len(ordered) - 1)] * share
    return values


def _averaged(patches: Floats, spacing: int, shape: tuple[int, ...]) -> Floats:
    """Patches laid back where they were taken from, the middle of each counting most, [h, w, 3]."""
    window = cv2.getGaussianKernel(PATCH, PATCH / 2.5) * cv2.getGaussianKernel(PATCH, PATCH / 2.5).T
    total, weight = np.zeros(shape, np.float32), np.full((*shape[:2], 1), 1e-6, np.float32)
    down, across = patches.shape[:2]
    for top, left in np.ndindex(PATCH, PATCH):
        rows, columns = slice(top, top + spacing * down, spacing), slice(left, left + spacing * across, spacing)
        total[rows, columns] += window[top, left] * patches[:, :, top, left]
        weight[rows, columns] += window[top, left]
    outcome: Floats = total / weight
    return outcome
