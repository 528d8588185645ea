"""Methods beside each other on the same pictures, in one run."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.evaluate.measures import gmsd, psnr, ssim
from tuner.raster import Raster
from tuner.work import Work


@dataclass(frozen=True, slots=True)
class Truth:
    """A clean picture."""

    name: str
    rgb: Floats
    """[h, w, 3], 0..1."""


@dataclass(frozen=True, slots=True)
class Case:
    """A clean picture and what was made of it for methods to repair."""

    truth: Truth
    given: Raster


@dataclass(frozen=True, slots=True)
class Row:
    """How one method did, on average over the pictures of a case."""

    task: str
    case: str
    """Such as `sigma 25`."""
    method: str
    ours: bool
    """Whether it is what Pixloom does by default."""
    pictures: int
    figures: dict[str, float]
    """Measure -> mean."""
    seconds: float
    """For a picture, on average."""


Measure = Callable[[Case, Floats], float]
MEASURES: Mapping[str, Measure] = {
    "psnr": lambda case, made: psnr(case.truth.rgb, made),
    "ssim": lambda case, made: ssim(case.truth.rgb, made),
    "gmsd": lambda case, made: gmsd(case.truth.rgb, made),
}
OURS = "pixloom"
"""Name of the method that is Pixloom's default."""


def compare(
    task: str,
    case: str,
    cases: Iterable[Case],
    methods: Mapping[str, Callable[[Case], Floats]],
    work: Work,
    measures: Mapping[str, Measure] = MEASURES,
) -> Iterator[Row]:
    """One row for each method, in their order; outcomes are [h, w, 3] in 0..1, rounded to 8 bits before they are
    measured, as if they had been saved. Those whose names begin with `pixloom` are ours, the one called so the default.
    """
    cases = list(cases)
    for done, (name, method) in enumerate(methods.items()):
        figures: dict[str, list[float]] = {measure: [] for measure in measures}
        seconds = 0.0
        for one in cases:
            work.step(done, len(methods), f"{task}, {case}: {name}, {one.truth.name}")
            started = time.perf_counter()
            made = method(one)
            seconds += time.perf_counter() - started
            saved = (np.rint(np.clip(made, 0, 1) * 255) / 255).astype(np.float32)
            for measure, of in measures.items():
                figures[measure].append(of(one, saved))
        means = {measure: float(np.mean(values)) for measure, values in figures.items()}
        yield Row(task, case, name, name == OURS, len(cases), means, seconds / max(1, len(cases)))
