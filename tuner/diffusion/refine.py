"""An enlarged picture given detail, part by part, by a diffusion model that never sees the whole."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from indexer.types import Floats
from tuner.diffusion.ask import Ask
from tuner.networks.patches import patchwise, starts
from tuner.raster import Raster
from tuner.work import Work

OVERLAP = 0.25
"""Share of a part's side that neighbours have in common; they are faded into each other over half of that."""
COARSE = 1 / 32
"""Standard deviation, over a part's side, of the blur that tells colours, which are kept, from detail, which is new."""
SEEDS = 2**32
Paint = Callable[[Ask, Work], Raster]


def refined(rgb: Floats, ask: Ask, paint: Paint, side: int, work: Work) -> Floats:
    """[h, w, 3] in 0..1 -> the same size, each part of `side` pixels painted anew by `paint` as `ask` says.

    Image to image on overlapping tiles (as in MultiDiffusion, Bar-Tal et al. 2023, but faded once at the end). Of each
    only what is finer than COARSE is taken; colours and light stay those of the given picture (as StableSR, Wang et al.
    2023, corrects them), so that neighbours agree and no seam is seen. The nth part has the seed `work.seed` + n.
    """
    count = len(starts(max(rgb.shape[0], side), side, _overlap(side))) * len(
        starts(max(rgb.shape[1], side), side, _overlap(side))
    )
    done = 0

    def run(square: Floats) -> Floats:
        nonlocal done
        inner = replace(work, seed=(work.seed + done) % SEEDS, on_step=_within(work, done, count))
        made = paint(replace(ask, picture=Raster(square)), inner).rgb
        done += 1
        detailed: Floats = np.clip(square + _detail(made) - _detail(square), 0, 1)
        return detailed

    quiet = replace(work, on_step=None)
    return patchwise(run, rgb, quiet, tile=side, overlap=_overlap(side))


def _overlap(side: int) -> int:
    return round(side * OVERLAP)


def _detail(square: Floats) -> Floats:
    """What is finer than the coarse: the rest of a Gaussian blur."""
    coarse = cv2.GaussianBlur(square, (0, 0), square.shape[0] * COARSE, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(square - coarse, np.float32)


def _within(work: Work, done: int, count: int) -> Callable[[int, int, str], None] | None:
    """Steps of one part told as steps of the whole."""
    report = work.on_step
    if report is None:
        return None
    return lambda step, total, what: report(done * total + step, count * total, f"{what}, part {done + 1} of {count}")
