"""Photographs gone wrong, simulated, and put right by `guided`: beside methods that look at histograms."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from indexer.types import Floats
from tuner.evaluate.classical import by_value, clahe, gamma, grey_world, stretched
from tuner.evaluate.comparison import OURS, Case, Row, Truth, compare
from tuner.guided.learned import corrected
from tuner.learn.degradations import KINDS, degrade
from tuner.raster import Raster
from tuner.work import Work

GUIDES = {OURS: ""}
"""Row -> guide."""


def evaluate(truths: Sequence[Truth], work: Work, guides: Mapping[str, str] = GUIDES) -> Iterator[Row]:
    """Rows of one case, one to three things gone wrong with each picture, as in training but by another chance."""
    cases = []
    for number, truth in enumerate(truths):
        chance = np.random.default_rng([work.seed + 1, number, 1])
        spoilt = degrade(truth.rgb, tuple(KINDS), chance).astype(np.float32) / np.float32(255)
        cases.append(Case(truth, Raster(spoilt)))
    yield from compare("guided", "simulated, one to three faults", cases, methods(work, guides), work)


def methods(work: Work, guides: Mapping[str, str]) -> dict[str, Callable[[Case], Floats]]:
    """The input, the usual methods, and each of the guides."""
    from skimage.exposure import equalize_adapthist, equalize_hist

    def by_guide(name: str) -> Callable[[Case], Floats]:
        return lambda case: corrected(case.given.rgb, name, 1.0, work)

    plain: dict[str, Callable[[Floats], Floats]] = {
        "input": lambda rgb: rgb,
        "gray-world": grey_world,
        "gamma to the middle": gamma,
        "CLAHE (OpenCV)": clahe,
        "equalize_hist (scikit-image)": lambda rgb: by_value(rgb, equalize_hist),
        "equalize_adapthist (scikit-image)": equalize_adapthist,
        "rescale_intensity (scikit-image)": stretched,
        "gray-world, then rescale": lambda rgb: stretched(grey_world(rgb)),
    }
    found = {name: (lambda case, run=run: run(case.given.rgb)) for name, run in plain.items()}
    return found | {row: by_guide(name) for row, name in guides.items()}
