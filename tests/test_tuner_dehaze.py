"""Haze goes where there is some; pictures in clear air stay."""

import numpy as np
import pytest

from tests.light import photograph, work
from tuner.enhance.dehaze import OPERATION, DehazeParameters, find_haze
from tuner.evaluate.comparison import Truth
from tuner.evaluate.dehaze import evaluate
from tuner.evaluate.measures import psnr
from tuner.raster import Raster


def dehazed(rgb: np.ndarray, **given: object) -> np.ndarray:
    return OPERATION.apply(Raster(rgb), DehazeParameters.model_validate(given), work()).rgb


def test_haze_of_known_thickness_is_found_and_thinned() -> None:
    rgb = photograph()
    air = np.float32([0.9, 0.92, 0.95])
    hazy = rgb * np.float32(0.5) + air * np.float32(0.5)
    haze = find_haze(hazy)
    assert haze.certainty == 1
    assert np.median(haze.veil) == pytest.approx(0.5, abs=0.12)
    before = hazy.copy()
    assert psnr(rgb, dehazed(hazy)) > psnr(rgb, hazy) + 3
    assert np.array_equal(hazy, before)


def test_clear_air_stays() -> None:
    rgb = photograph()
    assert psnr(rgb, dehazed(rgb)) > 30
    assert np.array_equal(dehazed(rgb, strength=0), rgb)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (300, 7, 3)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_odd_sizes_and_levels(shape: tuple[int, ...], level: float) -> None:
    outcome = dehazed(np.full(shape, level, np.float32), strength=1)
    assert outcome.shape == shape and np.isfinite(outcome).all()


def test_alpha_and_depth_stay() -> None:
    alpha = np.full((64, 64), 0.5, np.float32)
    outcome = OPERATION.apply(Raster(photograph(64), alpha, 16), DehazeParameters(strength=0.5), work())
    assert outcome.depth == 16 and outcome.alpha is not None and np.array_equal(outcome.alpha, alpha)


def test_the_evaluation_has_us_beside_others() -> None:
    rows = list(evaluate([Truth("one", photograph(128))], work()))
    thick = {row.method: row.figures["psnr"] for row in rows if row.case == "simulated, thick haze"}
    assert thick["pixloom"] > thick["input"] + 2
