"""Noise is found and taken out; what is clean, and the rest of the picture, stays."""

import sys

import numpy as np
import pytest
import skimage.data

from indexer.config import Settings
from indexer.errors import StoppedError, UsageError
from indexer.types import Floats
from tuner.enhance.noise_level import noise_level
from tuner.evaluate.comparison import Truth
from tuner.evaluate.denoise import evaluate, noisy
from tuner.evaluate.measures import psnr
from tuner.networks import cleaner
from tuner.networks.denoiser import REACH, Denoiser
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster, is_grey
from tuner.work import Work

OPERATION = get_operation("denoise")


def work(**given: object) -> Work:
    return Work(Settings(), **given)  # type: ignore[arg-type]


def photo(side: int = 160) -> Floats:
    """A part of a photograph with fine fur, smooth ground and edges."""
    whole = skimage.data.chelsea().astype(np.float32) / 255
    return whole[60 : 60 + side, 100 : 100 + side]


def denoised(picture: Raster, given: Work | None = None, **parameters: object) -> Raster:
    outcome: Raster = OPERATION.apply(picture, read_parameters(OPERATION, parameters), given or work())
    return outcome


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_the_level_of_white_noise_is_found(sigma: int) -> None:
    assert noise_level(noisy(photo(), sigma, (0, sigma)).rgb) * 255 == pytest.approx(sigma, rel=0.05)


def test_a_picture_cut_off_at_black_and_white_still_tells_its_noise() -> None:
    cut = noisy(photo() * 1.5 - 0.3, 15, (1, 1)).rgb.clip(0, 1)
    assert noise_level(cut) * 255 == pytest.approx(15, rel=0.15)


def test_noise_of_nothing() -> None:
    for flat in (np.zeros((40, 40, 3), np.float32), np.full((40, 40, 3), 0.5, np.float32), photo(7)):
        assert noise_level(flat) < 1e-6


@pytest.mark.parametrize(("sigma", "gain"), [(15, 6), (25, 8), (50, 10.5)])
@pytest.mark.parametrize("given", [True, False])
def test_noise_is_taken_out(sigma: int, gain: float, given: bool) -> None:
    clean = photo()
    before = noisy(clean, sigma, (2, sigma))
    after = denoised(before, sigma=str(sigma)) if given else denoised(before)
    assert psnr(clean, after.rgb) > psnr(clean, before.rgb.clip(0, 1)) + gain


def test_grey_pictures_are_cleaned_as_well_and_stay_grey() -> None:
    clean = photo()[..., 1:2].repeat(3, 2)
    noise = np.random.default_rng(11).standard_normal((*clean.shape[:2], 1), np.float32) * np.float32(20 / 255)
    before = clean + noise
    assert noise_level(before) * 255 == pytest.approx(20, rel=0.1)
    after = denoised(Raster(before), effort="quick").rgb
    assert is_grey(after)
    assert psnr(clean, after) > psnr(clean, before) + 6


def test_a_clean_picture_hardly_changes() -> None:
    clean = Raster(photo())
    assert psnr(clean.rgb, denoised(clean).rgb) > 40
    smooth = Raster(np.repeat(np.linspace(0, 1, 90, dtype=np.float32)[None, :, None], 80, 0).repeat(3, 2))
    told = work()
    assert denoised(smooth, told) is smooth
    assert told.notes == ["No noise was found. Give sigma (of 255) if there is some to take out."]


def test_both_classical_and_learned_methods_blend_by_strength() -> None:
    before = noisy(photo(64), 25, (3, 3))
    for method in ("network", "nlm"):
        full = denoised(before, sigma=25, method=method).rgb
        half = denoised(before, sigma=25, method=method, strength=0.5).rgb
        assert not np.allclose(full, before.rgb, atol=0.02)
        np.testing.assert_allclose(denoised(before, sigma=25, method=method, strength=0).rgb, before.rgb.clip(0, 1))
        assert psnr(before.rgb, half) > psnr(before.rgb, full)


@pytest.mark.parametrize("method", ["network", "nlm"])
def test_parts_give_what_the_whole_gives(method: str) -> None:
    before = noisy(photo(203)[:, :171], 25, (4, 4))
    given = {"sigma": 25, "method": method, "effort": "quick"}
    whole, parts = denoised(before, **given).rgb, denoised(before, work(tile=70), **given).rgb
    assert np.abs(whole - parts).max() < 1 / 255


def test_nothing_beyond_the_reach_plays_a_part() -> None:
    import torch

    network = Denoiser()
    given = torch.rand(1, 3, 2 * REACH + 32, 16, requires_grad=True)
    middle = REACH + 16
    network(given, torch.tensor([0.1]))[..., middle, :].sum().backward()
    assert given.grad is not None
    seen = given.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert middle - REACH <= int(seen.min()) and int(seen.max()) <= middle + REACH


def test_without_openvino_the_outcome_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = noisy(photo(50), 25, (5, 5)).rgb
    fast = cleaner.cleaned(cleaner.NOISE, before, 25 / 255, work(), what="noise")
    monkeypatch.setitem(sys.modules, "openvino", None)
    cleaner.load.cache_clear()
    slow = cleaner.cleaned(cleaner.NOISE, before, 25 / 255, work(), what="noise")
    cleaner.load.cache_clear()
    np.testing.assert_allclose(fast, slow, atol=1e-4)


def test_best_effort_is_better_and_turns_with_the_picture() -> None:
    clean = photo(96)
    before = noisy(clean, 25, (6, 6))
    quick, best = denoised(before, sigma=25, effort="quick"), denoised(before, sigma=25, effort="best")
    assert psnr(clean, best.rgb) > psnr(clean, quick.rgb)
    turned = denoised(Raster(np.ascontiguousarray(np.rot90(before.rgb))), sigma=25, effort="best")
    np.testing.assert_allclose(turned.rgb, np.rot90(best.rgb), atol=1e-4)


def test_sixteen_bits_stay_and_nothing_is_written_to() -> None:
    before = noisy(photo(64), 10, (7, 7)).rgb.clip(0, 1)
    alpha = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    kept = before.copy()
    after = denoised(Raster(before, alpha, 16))
    assert after.depth == 16 and after.alpha is alpha and after.rgb.dtype == np.float32
    assert len(np.unique(after.rgb)) > 2000
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (33, 8)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    grey = np.full((*shape, 3), 0.4, np.float32)
    assert denoised(Raster(grey)).rgb.shape == grey.shape
    for method in ("network", "nlm"):
        assert denoised(Raster(grey), sigma=20, method=method).rgb == pytest.approx(grey, abs=0.1)


def test_the_same_again_is_the_same() -> None:
    before = noisy(photo(64), 25, (8, 8))
    np.testing.assert_array_equal(denoised(before).rgb, denoised(before).rgb)


def test_it_can_be_stopped() -> None:
    with pytest.raises(StoppedError):
        denoised(noisy(photo(64), 25, (9, 9)), work(should_stop=lambda: True), sigma=25)


@pytest.mark.parametrize("wrong", ["much", "-1", "101", "nan"])
def test_a_wrong_sigma_is_named(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"denoise: sigma can't be .*: it is auto or a number from 0 to 100"):
        read_parameters(OPERATION, {"sigma": wrong})


def test_evaluation_has_ours_above_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.evaluate.denoise.SIGMAS", (25,))
    monkeypatch.setattr("tuner.evaluate.denoise.find_spec", lambda name: name == "pywt" or None)  # bm3d takes long
    rows = {row.method: row for row in evaluate([Truth("fur", photo(48))], work())}
    assert rows["pixloom"].ours and not rows["input"].ours
    assert {"scikit-image NLM", "scikit-image wavelet", "cv2 NLM"} <= set(rows)
    for method in ("pixloom", "pixloom, sigma given", "pixloom, quick"):
        assert rows[method].figures["psnr"] > rows["input"].figures["psnr"] + 5
