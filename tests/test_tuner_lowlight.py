"""Low light: dark pictures come near to what they were, well-lit ones stay, noise goes, parts fit together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.config import Settings
from indexer.errors import TuneError, UsageError
from tests.light import photograph, work
from tuner.enhance.curve_network import CurveNetwork, load_network
from tuner.enhance.darkness import find_darkness
from tuner.enhance.grain import Grain, find_grain, without_grain
from tuner.enhance.light import guided
from tuner.enhance.lowlight import OPERATION, LowlightParameters
from tuner.evaluate.comparison import Truth
from tuner.evaluate.lowlight import evaluate
from tuner.evaluate.measures import psnr
from tuner.raster import Raster
from tuner.work import Work


def noisy(rgb: np.ndarray, slope: float, base: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(rgb.shape, np.float32)
    return np.clip(rgb + np.sqrt(rgb * slope + base) * noise, 0, 1)


def brightened(rgb: np.ndarray, tile: int = 1024, **given: object) -> np.ndarray:
    return OPERATION.apply(Raster(rgb), LowlightParameters.model_validate(given), work(tile)).rgb


@pytest.mark.parametrize("method", ["curve", "illumination"])
def test_a_dark_photograph_comes_nearer_to_what_it_was(method: str) -> None:
    rgb = photograph()
    dark = noisy(rgb**2.5, 1 / 1000, (1.5 / 255) ** 2)
    before = dark.copy()
    assert psnr(rgb, brightened(dark, method=method)) > psnr(rgb, dark) + (6 if method == "curve" else 3)
    assert np.array_equal(dark, before)


def test_a_well_lit_photograph_hardly_changes() -> None:
    bright = photograph() ** 0.3  # the astronaut wears much that is dark
    assert psnr(bright, brightened(bright)) > 22


def test_strength_is_how_far_it_goes() -> None:
    dark = photograph() ** 3
    means = [brightened(dark, strength=one, denoise=0).mean() for one in (0, 0.5, 1, 1.5)]
    assert means[0] == pytest.approx(dark.mean(), abs=1e-6)
    assert np.all(np.diff(means) > 0)


def test_the_curve_rises_keeps_its_ends_and_sixteen_bits() -> None:
    darkness = find_darkness(photograph() ** 3)
    curve = darkness.undo(np.linspace(0, 1, 65536, dtype=np.float32))
    assert darkness.lit < 0.5
    assert curve[0] == 0 and curve[-1] == pytest.approx(1)
    assert np.all(np.diff(curve) >= -1e-7)
    assert len(np.unique(curve)) > 15_000


def test_noise_is_found_and_taken_out() -> None:
    smooth = np.repeat(np.linspace(0.1, 0.9, 200, dtype=np.float32)[None, :, None], 200, 0).repeat(3, 2)
    given = noisy(smooth, 1 / 500, 1e-4)
    grain = find_grain(given, 8)
    for brightness in (0.2, 0.7):
        assert grain.sigma(brightness) == pytest.approx(Grain(1 / 500, 1e-4).sigma(brightness), rel=0.25)
    assert psnr(smooth, without_grain(given, grain)) > psnr(smooth, given) + 12


@pytest.mark.parametrize("grain", [Grain(0.002, 1e-4), Grain(0.0, 1e-4)])
def test_steadied_noise_has_variance_one(grain: Grain) -> None:
    for level in (0.1, 0.5):
        given = np.full((300, 300), level, np.float32)
        values = grain.steady(noisy(given, grain.slope, grain.base))
        assert values.std() == pytest.approx(1, rel=0.05)
        assert grain.back(np.float32([values.mean()])) == pytest.approx(level, abs=2e-3)


def test_parts_fit_together() -> None:
    dark = noisy(photograph() ** 2, 1 / 500, 1e-4)
    assert np.abs(brightened(dark, tile=60) - brightened(dark)).max() <= 1 / 255


def test_the_guided_filter_agrees_with_its_formula() -> None:
    random = np.random.default_rng(0)
    guide, values = random.random((2, 9, 9)).astype(np.float32)
    flat = guided(values, np.full_like(guide, 0.5), 1, 1e-2)  # with a flat guide it is a mean of means
    inner = np.mean(
        [values[3 + row : 6 + row, 3 + column : 6 + column].mean() for row in (-1, 0, 1) for column in (-1, 0, 1)]
    )
    assert flat[4, 4] == pytest.approx(inner, abs=1e-5)
    assert np.allclose(guided(guide, guide, 2, 0), guide, atol=1e-3)  # an edge that guides itself stays


@pytest.mark.parametrize("method", ["curve", "illumination"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (7, 5, 3), (20, 20, 3)])
@pytest.mark.parametrize("level", [0.0, 0.03, 1.0])
def test_odd_sizes_and_levels(method: str, shape: tuple[int, ...], level: float) -> None:
    outcome = brightened(np.full(shape, level, np.float32), method=method)
    assert outcome.shape == shape and outcome.dtype == np.float32
    assert np.isfinite(outcome).all()
    assert np.ptp(outcome) < 1e-3


def test_alpha_and_depth_stay() -> None:
    alpha = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    outcome = OPERATION.apply(Raster(photograph(64) ** 3, alpha, 16), LowlightParameters(), work())
    assert outcome.depth == 16 and outcome.alpha is not None and np.array_equal(outcome.alpha, alpha)


def test_the_network_brightens_by_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = CurveNetwork()
    for one in network.parameters():
        torch.nn.init.zeros_(one)
    torch.nn.init.constant_(network.dce_net.get_submodule("conv7").bias, -0.2)
    torch.save({"model_state_dict": network.state_dict()}, tmp_path / "weights.pth")
    rgb = expected = photograph(64) ** 2
    for _ in range(8):
        expected = expected + np.tanh(0.2) * expected * (1 - expected)
    monkeypatch.setattr(Work, "model", lambda self, name: tmp_path / "weights.pth")
    outcome = brightened(rgb, method="zero-dce", denoise=0)
    assert np.allclose(outcome, expected, atol=1e-5)
    assert np.abs(brightened(rgb, tile=40, method="zero-dce", denoise=0) - outcome).max() < 1 / 255


def test_a_network_that_is_not_here_or_not_one(tmp_path: Path) -> None:
    given = LowlightParameters(method="zero-dce")
    with pytest.raises(UsageError, match="pixloom models pull zero-dce"):
        OPERATION.apply(Raster(photograph(64)), given, Work(Settings(home=tmp_path)))
    (tmp_path / "weights.pth").write_bytes(b"none")
    with pytest.raises(TuneError, match="pull the model again"):
        load_network(tmp_path / "weights.pth")


def test_the_evaluation_has_us_beside_others(tmp_path: Path) -> None:
    rows = list(evaluate([Truth("one", photograph(128))], Work(Settings(home=tmp_path))))
    dark = {row.method: row.figures["psnr"] for row in rows if row.case == "simulated, gamma 3, light noise"}
    assert dark["pixloom"] > dark["input"] + 6
    assert dark["pixloom"] > dark["CLAHE (OpenCV)"]
    assert [row.method for row in rows if row.ours] == ["pixloom"] * 5
