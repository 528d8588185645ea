"""Pictures before and after: pairs that somebody made, or clean pictures that are spoilt here."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from indexer.errors import NotFoundError, PictureError, UsageError
from indexer.images import open_picture
from indexer.limits import Limits
from indexer.types import Pixels
from tuner.guided.pairs import FEWEST, named
from tuner.learn.data import stamp
from tuner.learn.degradations import degrade
from tuner.raster import to_bytes

_APART = 0.02
"""Part by which the proportions of a pair may differ: a pixel more or less."""


class Examples(Protocol):
    """What is learned from."""

    source: str
    """Where it is from, for the card."""
    variants: int
    """How many befores there are of each after; 0 for as many as are asked for."""

    @property
    def names(self) -> Sequence[str]:
        """What the examples are called, by number."""

    @property
    def digest(self) -> str:
        """Changes with any of it."""

    def read(self, number: int, variant: int, side: int | None, limits: Limits) -> tuple[Pixels, Pixels]:
        """Before and after [h, w, 3] of one size; with `side` each squeezed into a square of that many pixels, so that
        they can be put together. PictureError where one can't be read or they aren't of one picture."""


@dataclass(frozen=True, slots=True)
class Made:
    """Pairs of files."""

    pairs: Sequence[tuple[Path, Path]]
    source: str
    variants: int = 1
    alone: Sequence[Path] = field(default=())
    """Pictures whose other half isn't there."""

    @property
    def names(self) -> list[str]:
        """Paths of the befores."""
        return [str(before) for before, _ in self.pairs]

    @property
    def digest(self) -> str:
        """Of names, sizes and times."""
        return _digest([path for pair in self.pairs for path in pair])

    def read(self, number: int, variant: int, side: int | None, limits: Limits) -> tuple[Pixels, Pixels]:
        """As `Examples.read`; where sizes differ, both are brought to the smaller one."""
        before, after = (_opened(path, side, limits) for path in self.pairs[number])
        if abs(before.width * after.height / (before.height * after.width) - 1) > _APART:
            raise PictureError(f"before is {before.width}x{before.height}, after is {after.width}x{after.height}")
        size = (side, side) if side else min(before.size, after.size)
        return fitted(np.asarray(before), size), fitted(np.asarray(after), size)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """Clean pictures, and what goes wrong with them; the same number and variant always go wrong alike."""

    paths: Sequence[Path]
    kinds: tuple[str, ...]
    source: str
    seed: int = 0
    variants: int = 0

    @property
    def names(self) -> list[str]:
        """Their paths."""
        return [str(path) for path in self.paths]

    @property
    def digest(self) -> str:
        """Of names, sizes, times, and what goes wrong."""
        return hashlib.sha256(f"{_digest(self.paths)} {self.kinds} {self.seed}".encode()).hexdigest()

    def read(self, number: int, variant: int, side: int | None, limits: Limits) -> tuple[Pixels, Pixels]:
        """As `Examples.read`; spoilt at the size that is asked for."""
        clean = np.asarray(_opened(self.paths[number], side, limits))
        size = (side, side) if side else (clean.shape[1], clean.shape[0])
        after = fitted(clean, size).astype(np.float32) / np.float32(255)
        chance = np.random.default_rng([self.seed, number, variant])
        return degrade(after, self.kinds, chance), to_bytes(after)


def pairs_in(folder: Path) -> Made:
    """The pairs of a folder: `before/NAME` and `after/NAME`, or `NAME.before.jpg` and `NAME.after.jpg`.

    Endings may differ. NotFoundError where there is no such folder, UsageError where it has too few pairs,
    or a name twice.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.")
    before, after = (named(folder, side) for side in ("before", "after"))
    both = sorted(before.keys() & after.keys())
    if len(both) < FEWEST:
        raise UsageError(
            f"{folder} has {len(both)} pairs, at least {FEWEST} are needed: put pictures of the same name into its "
            "folders `before` and `after`, or name them NAME.before.jpg and NAME.after.jpg."
        )
    alone = [*(before[name] for name in before.keys() - after), *(after[name] for name in after.keys() - before)]
    return Made([(before[name], after[name]) for name in both], folder.name, alone=sorted(alone))


def spoilt(paths: Iterable[Path], kinds: tuple[str, ...], source: str, seed: int) -> Spoilt:
    """Clean pictures to be spoilt; UsageError where they are too few."""
    found = sorted(set(paths))
    if len(found) < FEWEST:
        raise UsageError(f"{len(found)} pictures are too few to learn from: at least {FEWEST}, and thousands do well.")
    return Spoilt(found, kinds, f"{source}, spoilt here ({', '.join(kinds)})", seed)


def _opened(path: Path, side: int | None, limits: Limits) -> Image.Image:
    try:
        return open_picture(path, limits=limits, min_side=side).image
    except OSError as error:
        raise PictureError(f"{path.name}: {error.strerror or error}") from error


def fitted(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Pixels [h, w, 3] at a size (width, height), by area where it is smaller."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    smaller = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(repr((str(path), stamp(path))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
