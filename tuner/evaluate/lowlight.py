"""Low light, simulated: clean photographs darkened and given the noise of a sensor."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from indexer.types import Floats
from tuner.enhance.light import to_linear, to_stored
from tuner.enhance.lowlight import OPERATION, LowlightParameters
from tuner.evaluate.classical import by_value, clahe, gamma
from tuner.evaluate.comparison import OURS, Case, Row, Truth, compare
from tuner.raster import Raster, to_bytes
from tuner.work import Work

CASES: tuple[tuple[str, Callable[[Floats], Floats], tuple[float, float] | None], ...] = (
    ("simulated, gamma 2, light noise", lambda rgb: rgb**2, (1000, 1.5)),
    ("simulated, gamma 3, light noise", lambda rgb: rgb**3, (1000, 1.5)),
    ("simulated, gamma 2, strong noise", lambda rgb: rgb**2, (200, 4)),
    ("simulated, 3 stops less, light noise", lambda rgb: to_stored(to_linear(rgb) / np.float32(8)), (1000, 1.5)),
    ("well-lit", lambda rgb: rgb, None),
)
"""Name, what darkens, and the noise: photons at white, and read-out deviation in 255ths (both of stored values)."""

MOST = 24
"""Pictures that are measured, evenly taken from those given: five cases of seven methods take their time."""


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """Rows for each case: the input as it is, histogram methods, gamma correction, and ours."""
    truths = truths[:: -(-len(truths) // MOST) or 1]
    for name, darken, noise in CASES:
        cases = [
            Case(truth, Raster(_taken(darken(truth.rgb), noise, work.seed + number)))
            for number, truth in enumerate(truths)
        ]
        yield from compare("lowlight", name, cases, _methods(work), work)


def _taken(rgb: Floats, noise: tuple[float, float] | None, seed: int) -> Floats:
    """What a camera stores in 8 bits of the light of a dark scene."""
    if noise is not None:
        photons, read = noise
        spread = np.sqrt(rgb / photons + (read / 255) ** 2)
        rgb = rgb + spread * np.random.default_rng(seed).standard_normal(rgb.shape, np.float32)
    return to_bytes(rgb).astype(np.float32) / np.float32(255)


def _methods(work: Work) -> dict[str, Callable[[Case], Floats]]:
    from skimage.exposure import equalize_adapthist, equalize_hist

    def ours(method: str) -> Callable[[Case], Floats]:
        return lambda case: OPERATION.apply(case.given, LowlightParameters.model_validate({"method": method}), work).rgb

    methods: dict[str, Callable[[Case], Floats]] = {
        "input": lambda case: case.given.rgb,
        "gamma correction": lambda case: gamma(case.given.rgb),
        "CLAHE (OpenCV)": lambda case: clahe(case.given.rgb),
        "equalize_hist (scikit-image)": lambda case: by_value(case.given.rgb, equalize_hist),
        "equalize_adapthist (scikit-image)": lambda case: equalize_adapthist(case.given.rgb),
        OURS: ours("curve"),
        "pixloom, illumination": ours("illumination"),
    }
    if work.model("zero-dce") is not None:
        methods["pixloom, zero-dce"] = ours("zero-dce")
    return methods
