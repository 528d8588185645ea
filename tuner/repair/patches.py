"""Holes filled with pieces of the rest of the picture, so that texture and edges go on inside.

Every patch that overlaps the hole looks for the known patch most like it, and what all of them say of a pixel is
averaged, in turns and from coarse to fine (Wexler, Shechtman & Irani 2007). The search is PatchMatch (Barnes et al.
2009): good matches are handed on to neighbours, whose own are likely to lie beside them. Here all patches do so at
once, by jumps of falling length, and compare a few principal components instead of all their values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats
from tuner.repair.masks import Mask

PATCH = 7
"""Side of a patch in pixels, at every scale."""
COMPONENTS = 16
"""Principal components of a patch's 147 values that are compared."""
JUMPS = (8, 4, 2, 1)
"""Pixels that matches are handed on over."""
TURNS = (3, 8)
"""Search and vote so many times at the finest and at the coarsest scale."""
FADE = 1.3
"""A pixel of the hole counts less by this factor for each pixel that lies between it and what is known."""
SEARCHED = 600_000
"""Pixels of a picture that is searched as it is."""
CHUNK = 1 << 15
"""Patches gathered at once: 19 MB."""

Step = Callable[[int, int], None]
Places = NDArray[np.int32]
"""[n, 2]: row and column of centres."""


def complete(rgb: Floats, hole: Mask, seed: int, step: Step) -> Floats:
    """[h, w, 3] in 0..1 with the hole [h, w] filled; what is known stays exactly as it is.

    Pictures of more than `SEARCHED` pixels are filled at a smaller size, and the fine detail of what each place was
    matched with there is added. Where no patch is wholly known (tiny pictures, holes all over), the hole is filled
    smoothly. `step` is called with turns done and in all, at least once a second.
    """
    factor = int(np.ceil(np.sqrt(hole.size / SEARCHED)))
    if factor == 1:
        return _complete(rgb, hole, seed, step)[0]
    rest = [(-side) % factor for side in hole.shape]
    size = tuple((side + more) // factor for side, more in zip(hole.shape, rest, strict=True))
    padded = cv2.copyMakeBorder(rgb, 0, rest[0], 0, rest[1], cv2.BORDER_REPLICATE)
    small = cv2.resize(padded, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    missing = cv2.copyMakeBorder(hole.astype(np.uint8), 0, rest[0], 0, rest[1], cv2.BORDER_CONSTANT, value=1)
    # Half known is not enough here: what a match has must be known at full size too.
    coarse: Mask = cv2.resize(missing.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA) > 0
    filled, moves = _complete(small, coarse, seed, step)
    return _detailed(rgb, hole, small, filled, moves, factor)


def _complete(rgb: Floats, hole: Mask, seed: int, step: Step) -> tuple[Floats, Places]:
    """The filled picture, and [h, w, 2] how far away what fills each pixel of the hole was found."""
    rng = np.random.default_rng(seed)
    levels = _pyramid(rgb, hole)
    total, done = sum(_turns(level, len(levels)) for level in range(len(levels))), 0
    matches: Places | None = None
    filled, moves = smooth(rgb, hole), np.zeros((*hole.shape, 2), np.int32)
    for level in reversed(range(len(levels))):
        known, missing = levels[level]
        search = _Search.over(known, missing, rng)
        if search is None:  # only where there is one level, whose hole leaves no patch
            continue
        if matches is None:
            filled, matches = smooth(known, missing), search.anywhere(rng)
        else:
            matches = search.finer(matches, levels[level + 1][1], rng)
            filled = search.vote(known, matches, np.zeros(len(matches), np.float32))
        for turn in range(done, done + _turns(level, len(levels))):
            matches, costs = search.improve(filled, matches, rng, partial(step, turn, total))
            filled = search.vote(known, matches, costs)
        done = turn + 1
        if level == 0:
            moves[tuple(search.targets.T)] = matches - search.targets
    return filled, moves


def _detailed(rgb: Floats, hole: Mask, small: Floats, filled: Floats, moves: Places, factor: int) -> Floats:
    """The hole filled at full size: `filled` enlarged, and by how much each match differs there from `small`."""
    outcome = rgb.copy()
    places = np.argwhere(hole).astype(np.int32)
    for at in range(0, len(places), CHUNK):
        some = places[at : at + CHUNK]
        sources = some + factor * moves[some[:, 0] // factor, some[:, 1] // factor]
        sources = np.clip(sources, 0, np.array(hole.shape, np.int32) - 1)
        fine = rgb[tuple(sources.T)] - _sampled(small, sources, factor)
        outcome[tuple(some.T)] = np.clip(_sampled(filled, some, factor) + fine, 0, 1)
    return outcome


def _sampled(small: Floats, places: Places, factor: int) -> Floats:
    """[n, 3]: what the picture, reduced by the factor, has at places of the full one, interpolated."""
    row, column = ((places.astype(np.float32) + np.float32(0.5)) / factor - np.float32(0.5)).T
    # In squares, since OpenCV takes no more than 32,767 rows.
    side = int(np.ceil(np.sqrt(len(places))))
    column, row = (np.pad(one, (0, side * side - len(one))).reshape(side, side) for one in (column, row))
    values = cv2.remap(small, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1, 3)[: len(places)].astype(np.float32, copy=False)


def smooth(rgb: Floats, hole: Mask, flag: int = cv2.INPAINT_TELEA) -> Floats:
    """The hole filled from its border inwards by fast marching (Telea 2004); grey where all is missing.

    `flag` chooses another of OpenCV's methods.
    """
    if hole.all():
        return np.full_like(rgb, 0.5)
    # OpenCV knows colour in 8 bits only, but single channels in floats too, which it wants in a range like integers'.
    missing, top = hole.astype(np.uint8), np.float32(65535)
    filled = cv2.merge([cv2.inpaint(one * top, missing, 3, flag) for one in cv2.split(rgb)]) / top
    return np.where(hole[..., None], np.clip(filled, 0, 1), rgb).astype(np.float32)


def _pyramid(rgb: Floats, hole: Mask) -> list[tuple[Floats, Mask]]:
    """Finest first, each half of the one before, until the hole is no wider than a patch or little is known."""
    levels = [(rgb, hole)]
    while True:
        rgb, hole = levels[-1]
        deepest = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3).max()
        if 2 * deepest <= PATCH or min(hole.shape) < 6 * PATCH:
            return levels
        size = ((hole.shape[1] + 1) // 2, (hole.shape[0] + 1) // 2)
        share = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        mean = cv2.resize(rgb * ~hole[..., None], size, interpolation=cv2.INTER_AREA)
        coarse = share < 0.5
        if not _sources(coarse).any():
            return levels
        levels.append(((mean / np.maximum(share, 1e-6)[..., None]).astype(np.float32), coarse))


def _turns(level: int, levels: int) -> int:
    finest, coarsest = TURNS
    return round(finest + (coarsest - finest) * level / max(1, levels - 1))


def _sources(hole: Mask) -> Mask:
    """Centres of patches that are wholly known and in the picture."""
    kernel = np.ones((PATCH, PATCH), np.uint8)
    known = cv2.erode((~hole).astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return known.astype(bool)


@dataclass(frozen=True)
class _Search:
    """What stays the same over all turns at one scale."""

    hole: Mask
    usable: Mask
    """[h, w]: centres of known patches."""
    targets: Places
    """Centres of patches that overlap the hole."""
    number: NDArray[np.int32]
    """[h, w]: which target each centre is, -1 for none."""
    trust: Floats
    """[targets]: what each one's vote counts for its place alone."""
    basis: Floats
    """[147, c]: components."""
    described: Floats
    """[h, w, c]: the known patches' components."""

    @classmethod
    def over(cls, rgb: Floats, hole: Mask, rng: np.random.Generator) -> "_Search | None":
        usable = _sources(hole)
        sources = np.argwhere(usable).astype(np.int32)
        if not len(sources):
            return None
        targets = np.argwhere(cv2.dilate(hole.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8))).astype(np.int32)
        number = np.full(hole.shape, -1, np.int32)
        number[tuple(targets.T)] = np.arange(len(targets))
        depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
        trust = (FADE ** -depth[tuple(targets.T)]).astype(np.float32)
        some = _patches(rgb, sources[rng.integers(0, len(sources), 4000)])
        values, vectors = np.linalg.eigh(np.cov(some.T))
        basis = np.ascontiguousarray(vectors[:, np.argsort(values)[::-1][:COMPONENTS]].astype(np.float32))
        described = np.zeros((*hole.shape, basis.shape[1]), np.float32)
        described[usable] = _described(rgb, sources, basis)
        return cls(hole, usable, targets, number, trust, basis, described)

    def anywhere(self, rng: np.random.Generator) -> Places:
        """A match for each target, at random."""
        sources = np.argwhere(self.usable).astype(np.int32)
        return sources[rng.integers(0, len(sources), len(self.targets))]

    def finer(self, matches: Places, coarse: Mask, rng: np.random.Generator) -> Places:
        """Matches at this scale from those at half of it; random where they would not be usable."""
        number = np.full(coarse.shape, -1, np.int32)
        before = np.argwhere(cv2.dilate(coarse.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8))).astype(np.int32)
        number[tuple(before.T)] = np.arange(len(before))
        found = number[tuple((self.targets // 2).T)]
        moved = self.targets + 2 * (matches[found] - before[found])
        usable = (found >= 0) & self._usable(moved)
        return np.where(usable[:, None], moved, self.anywhere(rng)).astype(np.int32)

    def improve(
        self, filled: Floats, matches: Places, rng: np.random.Generator, alive: Callable[[], None]
    ) -> tuple[Places, Floats]:
        """Better matches for the picture as it is filled now, and their squared distances."""
        wanted = _described(filled, self.targets, self.basis)
        best = matches.copy()
        costs = np.square(wanted - self.described[tuple(best.T)]).sum(axis=1)

        def consider(which: NDArray[np.int64], places: Places) -> None:
            fits = self._usable(places) & (places != best[which]).any(axis=1)
            which, places = which[fits], places[fits]
            cost = np.square(wanted[which] - self.described[tuple(places.T)]).sum(axis=1)
            better = cost < costs[which]
            best[which[better]], costs[which[better]] = places[better], cost[better]

        every = np.arange(len(self.targets))
        for jump in JUMPS:
            alive()
            for shift in ((0, jump), (jump, 0), (0, -jump), (-jump, 0)):
                step = np.array(shift, np.int32)
                beside = self.targets + step
                inside = ((beside >= 0) & (beside < self.hole.shape)).all(axis=1)
                which = every[inside]
                neighbour = self.number[tuple(beside[inside].T)]
                which, neighbour = which[neighbour >= 0], neighbour[neighbour >= 0]
                consider(which, best[neighbour] - step)
        reach = max(self.hole.shape)
        while reach >= 1:
            alive()
            consider(every, best + rng.integers(-reach, reach + 1, best.shape, dtype=np.int32))
            reach //= 2
        return best, costs

    def vote(self, known: Floats, matches: Places, costs: Floats) -> Floats:
        """The hole filled with the weighted mean of what each patch's match has there."""
        height, width = self.hole.shape
        reach = PATCH // 2
        spread = max(float(np.percentile(costs, 75)), 1e-8)
        weight = self.trust * np.exp(-np.minimum(costs / (2 * spread), 40))  # never 0 all together
        total = np.zeros((height + 2 * reach, width + 2 * reach, 4), np.float32)
        for down in range(PATCH):
            for across in range(PATCH):
                said = known[matches[:, 0] + down - reach, matches[:, 1] + across - reach]
                total[self.targets[:, 0] + down, self.targets[:, 1] + across, :3] += said * weight[:, None]
                total[self.targets[:, 0] + down, self.targets[:, 1] + across, 3] += weight
        total = total[reach:-reach, reach:-reach]
        filled = known.copy()
        filled[self.hole] = total[self.hole][:, :3] / total[self.hole][:, 3:]
        return filled

    def _usable(self, places: Places) -> Mask:
        inside: Mask = np.asarray(((places >= 0) & (places < self.hole.shape)).all(axis=1))
        safe = np.where(inside[:, None], places, 0)
        usable: Mask = inside & self.usable[safe[:, 0], safe[:, 1]]
        return usable


def _patches(rgb: Floats, centres: Places) -> Floats:
    """[n, 147]: the values around each centre; beyond the picture they are mirrored."""
    reach = PATCH // 2
    padded = cv2.copyMakeBorder(rgb, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(0, 1))
    return windows[centres[:, 0], centres[:, 1]].reshape(len(centres), -1).astype(np.float32, copy=False)


def _described(rgb: Floats, centres: Places, basis: Floats) -> Floats:
    """[n, c]: the components of the patches around each centre."""
    parts = [_patches(rgb, centres[at : at + CHUNK]) @ basis for at in range(0, len(centres), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, basis.shape[1]), np.float32)
