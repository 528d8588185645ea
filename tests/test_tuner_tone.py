"""Tone: nothing where nothing is asked, what is asked to the bit, and automatic changes that know when to stop."""

import numpy as np
import pytest

from indexer.errors import StoppedError, UsageError
from tests.light import photograph, work
from tuner.enhance.light import to_linear, to_stored
from tuner.enhance.tone import OPERATION, ToneParameters
from tuner.enhance.white import find_cast
from tuner.operations import read_parameters
from tuner.raster import Raster, luminance

RAMP = np.repeat(np.linspace(0, 1, 65536, dtype=np.float32).reshape(256, 256, 1), 3, 2)


def made(rgb: np.ndarray, **given: object) -> np.ndarray:
    return OPERATION.apply(Raster(rgb, depth=16), ToneParameters.model_validate(given), work()).rgb


def test_nothing_asked_changes_no_bit_of_sixteen() -> None:
    assert np.array_equal(made(RAMP, automatic=False), RAMP)


def test_light_and_stored_values_are_inverse() -> None:
    assert np.abs(to_stored(to_linear(RAMP)) - RAMP).max() < 0.25 / 65535
    assert to_linear(np.float32([0.5])) == pytest.approx(0.2140, abs=1e-4)  # IEC 61966-2-1


def test_a_stop_doubles_light() -> None:
    outcome = made(RAMP, automatic=False, exposure=1)
    assert np.allclose(to_linear(outcome), np.minimum(2 * to_linear(RAMP), 1), atol=1e-5)


@pytest.mark.parametrize("name", ["contrast", "highlights", "shadows", "exposure"])
@pytest.mark.parametrize("amount", [-1, 1])
def test_curves_rise_and_sixteen_bits_stay(name: str, amount: float) -> None:
    outcome = made(RAMP, automatic=False, **{name: amount})[..., 0].ravel()
    assert np.all(np.diff(outcome) >= -1e-6)
    assert len(np.unique(outcome)) > 20_000  # not 256
    if name != "exposure":
        assert outcome[0] == 0 and outcome[-1] == pytest.approx(1)
        assert np.abs(outcome - RAMP[..., 0].ravel()).max() > 0.05


def test_shadows_brighten_the_dark_and_highlights_the_bright() -> None:
    ramp = RAMP[..., 0].ravel()
    for name, where in (("shadows", ramp < 0.5), ("highlights", ramp > 0.5)):
        change = made(RAMP, automatic=False, **{name: 1})[..., 0].ravel() - ramp
        assert change[where].mean() > 2 * change[~where].mean() > 0


def test_saturation_and_white_by_hand() -> None:
    rgb = photograph()
    grey = made(rgb, automatic=False, saturation=-1)
    assert np.ptp(grey, axis=2).max() < 1e-6
    assert np.allclose(grey[..., 0], luminance(rgb), atol=1e-6)
    warm, green = (made(rgb, automatic=False, **one) for one in ({"temperature": 0.5}, {"tint": -0.5}))
    assert warm[..., 0].mean() > rgb[..., 0].mean() and warm[..., 2].mean() < rgb[..., 2].mean()
    assert green[..., 1].mean() > rgb[..., 1].mean()


def test_a_dull_dark_picture_gains_contrast() -> None:
    rgb = photograph()
    dull = rgb * 0.3 + 0.1
    outcome = made(dull)
    assert np.abs(outcome - rgb).mean() < np.abs(dull - rgb).mean()
    assert np.ptp(outcome) > 1.4 * np.ptp(dull)
    assert np.abs(made(dull, limit=0.1) - dull).mean() < np.abs(outcome - dull).mean()


def test_a_mild_cast_goes_and_a_sunset_stays() -> None:
    random = np.random.default_rng(0)
    greys = np.repeat(random.uniform(0.1, 0.9, (64, 64, 1)), 3, 2).astype(np.float32)
    cast = to_stored(to_linear(greys) * np.float32([1.15, 1, 0.87]))
    found = find_cast(cast)
    assert found.confidence > 0.3
    assert np.allclose(found.gains, 1 / np.float32([1.15, 1, 0.87]), atol=0.05)
    sunset = np.linspace(0.05, 0.95, 64, dtype=np.float32)[:, None, None] * np.float32([1, 0.5, 0.25])
    assert find_cast(np.repeat(sunset, 64, 1)).confidence == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (5, 3, 3)])
def test_odd_sizes_and_flat_pictures(shape: tuple[int, ...]) -> None:
    rgb = np.full(shape, 0.4, np.float32)
    before = rgb.copy()
    outcome = made(rgb)
    assert outcome.shape == shape and np.isfinite(outcome).all()
    assert np.array_equal(rgb, before)


def test_wrong_parameters_are_named_and_it_can_be_stopped() -> None:
    with pytest.raises(UsageError, match="exposure"):
        read_parameters(OPERATION, {"exposure": "9"})
    with pytest.raises(UsageError, match="contrast"):
        read_parameters(OPERATION, {"contrst": "0.2"})
    stopped = work()
    stopped.should_stop = lambda: True
    with pytest.raises(StoppedError):
        OPERATION.apply(Raster(RAMP), ToneParameters(), stopped)
