"""A look from pictures before and after: what somebody did to a few, so that it can be done to any."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import NotFoundError, PictureError, UsageError
from indexer.images import is_picture_name
from indexer.limits import Limits
from indexer.types import Floats
from tuner.creative.filters import blurred
from tuner.evaluate.measures import ciede2000
from tuner.guided.looks import MOST, RESIDUAL, Look, apply, hats, moved_lab, rising
from tuner.guided.solving import solved
from tuner.lineage.opening import open_raster
from tuner.raster import Raster, reduced
from tuner.repair.lab import to_lab, to_rgb
from tuner.repair.sizes import resized
from tuner.work import Work

FEWEST = 5
SIDE = 64
"""Longer side in pixels of the copies that are compared, blurred so that a slight shift does no harm."""
_BLUR = 1.0
_SHAPES = 0.02
"""How far the shapes of two pictures of a pair may differ, as a share of one."""
_SAMPLES = 12_000
_SIZE, _WORTH, _ROUNDS = 0.5, 30.0, 8
"""Usual size of numbers, and the independent observations that a pair is worth."""
_SMOOTH, _SMALL = 5.0, 0.003
"""Weights of bends and of the size of the residual, beside squared errors in 0..1 summed over the samples."""
_ROBUST = 3.0
"""Units of CIELAB from which an error counts linearly."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One picture before and after, small, blurred, and of one size."""

    name: str
    before: Floats
    after: Floats


@dataclass(frozen=True, slots=True)
class Found:
    """The pairs of a folder, and what could not be used, with the reason."""

    pairs: tuple[Pair, ...]
    failed: dict[str, str]


def read_pairs(folder: Path, limits: Limits) -> Found:
    """The pairs of a folder: before/ and after/ with files of equal names but for the format, or NAME.before.jpg
    beside NAME.after.jpg.

    NotFoundError without such a folder, UsageError where it has no pairs at all, or a name twice.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.")
    befores, afters = (named(folder, side) for side in ("before", "after"))
    names = sorted(befores.keys() | afters.keys())
    if not names:
        raise UsageError(
            f"{folder} has no pairs: put pictures of equal names into {folder.name}/before and {folder.name}/after, "
            "or name them NAME.before.jpg and NAME.after.jpg."
        )
    pairs, failed = [], {}
    for name in names:
        if name not in befores or name not in afters:
            failed[name] = f"there is no picture {'before' if name in afters else 'after'}"
            continue
        try:
            pairs.append(pair_of(name, open_raster(befores[name], limits), open_raster(afters[name], limits)))
        except PictureError as error:
            failed[name] = str(error)
    return Found(tuple(pairs), failed)


def pair_of(name: str, before: Raster, after: Raster) -> Pair:
    """Two pictures made comparable; PictureError where their shapes differ beyond resizing."""
    shapes = [one.size[0] / one.size[1] for one in (before, after)]
    if abs(shapes[0] / shapes[1] - 1) > _SHAPES:
        sizes = " and ".join(f"{one.size[0]}x{one.size[1]}" for one in (before, after))
        raise PictureError(f"the two are {sizes}: one isn't the other resized")
    small = reduced(before, SIDE).rgb
    other = resized(after.rgb, (small.shape[0], small.shape[1]))
    return Pair(name, blurred(small, _BLUR), blurred(other, _BLUR))


def fit_pairs(pairs: Sequence[Pair]) -> Look:
    """The look that does to the pictures before what was done to them.

    First the numbers, by robust least squares in CIELAB with a ridge; then what they leave, in red, green and blue at
    the nodes of a coarse grid, by ridge regression with a price on bends, as far as it keeps lightness rising along
    grey. UsageError for fewer than FEWEST pairs.
    """
    if len(pairs) < FEWEST:
        raise UsageError(f"{len(pairs)} pairs are too few to tell a look from chance: give {FEWEST} or more.")
    random = np.random.default_rng(0)
    each = _SAMPLES // len(pairs)
    before, after = zip(*(_drawn(one, each, random) for one in pairs), strict=True)
    rgb, wanted = np.concatenate(before), np.concatenate(after)
    numbers = _numbers(to_lab(rgb), to_lab(wanted), len(pairs))
    residual = _residual(rgb, to_rgb(moved_lab(to_lab(rgb), numbers)), wanted)
    look = Look(numbers, residual)
    while look.residual is not None and not rising(look.table()):
        smaller = look.residual / np.float32(2)
        look = Look(numbers, smaller if np.abs(smaller).max() > 1e-3 else None)
    return look


def mean_distance(pairs: Sequence[Pair], look: Look, work: Work) -> float:
    """Mean CIEDE2000 of pairs' pictures after and those before under a look."""
    table = look.table()
    return float(np.mean([ciede2000(one.after, apply(table, one.before, 1, work)) for one in pairs]))


def named(folder: Path, side: str) -> dict[str, Path]:
    """Names of a folder's pairs with the picture on one side of them, `before` or `after`.

    UsageError where two pictures would be the same side of one pair.
    """
    found: dict[str, Path] = {}
    for name, path in _on(folder, side):
        if name in found:
            raise UsageError(f"{found[name]} and {path} are both the picture {side} of {name!r}: rename one of them.")
        found[name] = path
    return found


def _on(folder: Path, side: str) -> Iterator[tuple[str, Path]]:
    if (folder / side).is_dir():
        for path in sorted((folder / side).iterdir()):
            if is_picture_name(path.name):
                yield path.stem, path
    for path in sorted(folder.iterdir()):
        if is_picture_name(path.name) and path.stem.endswith(f".{side}"):
            yield path.stem.removesuffix(f".{side}"), path


def _drawn(pair: Pair, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    before, after = (one.reshape(-1, 3) for one in (pair.before, pair.after))
    some = random.permutation(len(before))[:count]
    return before[some], after[some]


def _numbers(lab: Floats, wanted: Floats, pairs: int) -> Floats:
    def errors(numbers: Floats) -> Any:
        return _softened((moved_lab(lab, numbers) - wanted) / _ROBUST) * weight

    weight = np.sqrt(_WORTH * pairs / len(lab))
    return solved(errors, _SIZE, MOST, _ROUNDS)


def _softened(errors: Any) -> Any:
    """Errors [n, 3] whose squares are those of the pseudo-Huber loss of their length."""
    length = np.linalg.norm(errors, axis=1, keepdims=True)
    return errors * np.sqrt(2 * (np.sqrt(1 + length**2) - 1)) / np.maximum(length, 1e-6)


def _residual(rgb: Floats, made: Floats, wanted: Floats) -> Floats:
    """[RESIDUAL, RESIDUAL, RESIDUAL, 3] that, added to what was made of colours [n, 3], comes nearest to the wanted."""
    red, green, blue = (hats(np.clip(rgb[:, axis], 0, 1)) for axis in range(3))
    shares = np.einsum("ni,nj,nk->nijk", red, green, blue).reshape(len(rgb), -1)
    gap = wanted - made
    weights = 1 / np.sqrt(1 + np.square(gap / (0.01 * _ROBUST)).sum(1, keepdims=True))
    normal = shares.T @ (weights * shares) + np.float32(_SMALL) * np.eye(RESIDUAL**3, dtype=np.float32)
    normal += np.float32(_SMOOTH) * _bends()
    solved = np.linalg.solve(normal.astype(np.float64), shares.T @ (weights * gap))
    return solved.reshape(RESIDUAL, RESIDUAL, RESIDUAL, 3).astype(np.float32)


def _bends() -> Floats:
    """The quadratic form of second differences along the three axes of the grid, [n^3, n^3]."""
    second = np.diff(np.eye(RESIDUAL), 2, axis=0)
    one, bend = np.eye(RESIDUAL), second.T @ second
    made: Floats = (
        np.kron(np.kron(bend, one), one) + np.kron(np.kron(one, bend), one) + np.kron(np.kron(one, one), bend)
    ).astype(np.float32)
    return made
