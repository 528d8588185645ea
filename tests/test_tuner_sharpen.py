"""Sharpening: edges steeper, noise and hues as they were, halos held back, parts that fit together."""

import cv2
import numpy as np
import pytest

from tests.light import photograph, work
from tuner.enhance.sharpen import OPERATION, SharpenParameters
from tuner.evaluate.measures import psnr
from tuner.raster import Raster, luminance


def sharpened(rgb: np.ndarray, tile: int = 1024, **given: object) -> np.ndarray:
    return OPERATION.apply(Raster(rgb, depth=16), SharpenParameters.model_validate(given), work(tile)).rgb


def test_without_threshold_and_limits_it_is_the_unsharp_mask() -> None:
    rgb = photograph(128) * 0.5 + 0.25
    outcome = sharpened(rgb, amount=0.3, radius=1, threshold=0, halo=1)
    luma = luminance(rgb)
    expected = rgb + 0.3 * (luma - cv2.GaussianBlur(luma, (7, 7), 1, borderType=cv2.BORDER_REFLECT))[..., None]
    assert np.allclose(outcome, expected, atol=1e-5)


def test_a_blurred_photograph_comes_nearer_to_what_it_was() -> None:
    rgb = photograph()
    soft = cv2.GaussianBlur(rgb, (0, 0), 1)
    before = soft.copy()
    assert psnr(rgb, sharpened(soft)) > psnr(rgb, soft) + 0.5
    assert np.array_equal(soft, before)


def test_noise_of_flat_parts_stays() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.03, (128, 128, 1)).astype(np.float32).repeat(3, 2)
    assert sharpened(noise).std() < 1.1 * noise.std()
    assert sharpened(noise, threshold=0, halo=1).std() > 1.3 * noise.std()


def test_halos_are_held_back() -> None:
    edge = np.full((40, 40, 3), 0.3, np.float32)
    edge[:, 20:] = 0.6
    edge = cv2.GaussianBlur(edge, (0, 0), 1)
    assert sharpened(edge, halo=1).max() > 0.605
    outcome = sharpened(edge, halo=0)
    assert outcome.max() <= 0.6 + 1e-6 and outcome.min() >= 0.3 - 1e-6
    assert np.abs(np.diff(outcome[20, :, 0])).max() > 1.1 * np.abs(np.diff(edge[20, :, 0])).max()


def test_amount_zero_changes_nothing() -> None:
    assert np.array_equal(sharpened(photograph(64), amount=0), photograph(64))


def test_parts_fit_together() -> None:
    assert np.abs(sharpened(photograph(), tile=90) - sharpened(photograph())).max() <= 1 / 255


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (30, 7, 3)])
def test_odd_sizes(shape: tuple[int, ...]) -> None:
    outcome = sharpened(np.full(shape, 0.4, np.float32), radius=20)
    assert outcome.shape == shape and np.allclose(outcome, 0.4)
