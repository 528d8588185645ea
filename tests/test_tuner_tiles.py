"""Parts of large pictures, estimates of what they take, and how outcomes are measured."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from indexer.config import Settings
from indexer.errors import CapacityError
from indexer.types import Floats
from tests.shelf import plain
from tuner.evaluate.comparison import Case, Truth, compare
from tuner.evaluate.measures import MAX_PSNR, ciede2000, colourfulness, cropped, gmsd, luma, psnr, ssim
from tuner.operations import get_operation, read_parameters
from tuner.preflight import SMALLEST_TILE, estimate
from tuner.raster import Raster, from_bytes, luminance, reduced, to_bytes
from tuner.tiles import tiled
from tuner.work import Work


def work(**changes: object) -> Work:
    return Work(Settings(), **changes)  # type: ignore[arg-type]


def blurred(part: Floats) -> Floats:
    """Local: no pixel depends on others further than 7 away."""
    return np.asarray(cv2.GaussianBlur(part, (15, 15), 3, borderType=cv2.BORDER_REFLECT_101), np.float32)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(10, 60))
def test_parts_make_the_whole(height: int, width: int, tile: int) -> None:
    picture = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    assert np.allclose(tiled(blurred, picture, work(tile=tile), halo=7), blurred(picture), atol=1e-6)


def test_parts_that_grow() -> None:
    picture = np.random.default_rng(0).random((50, 70, 3)).astype(np.float32)

    def doubled(part: Floats) -> Floats:
        return part.repeat(2, 0).repeat(2, 1)

    assert np.array_equal(tiled(doubled, picture, work(tile=20), halo=3, scale=2), doubled(picture))


def test_parts_report_where_they_are() -> None:
    said: list[tuple[int, int]] = []
    at = work(tile=10, on_step=lambda done, total, _: said.append((done, total)))
    tiled(lambda part: part, np.zeros((20, 30, 3), np.float32), at, halo=0)
    assert said == [(done, 6) for done in range(6)]


def test_an_estimate_grows_with_the_picture_and_follows_what_was_measured() -> None:
    tone = get_operation("tone")
    small, large = (estimate(tone, tone.parameters(), size, work(), 10**11) for size in ((1000, 1000), (2000, 1000)))
    assert large.seconds == pytest.approx(2 * small.seconds) and large.memory > small.memory
    assert estimate(tone, tone.parameters(), (1000, 1000), work(), 10**11, pace=3.0).seconds == 3.0
    assert estimate(tone, tone.parameters(), (10, 10), work(), None).note is None


def test_where_memory_is_short_parts_are_smaller_and_then_it_is_refused() -> None:
    denoise = get_operation("denoise")
    parameters, size = read_parameters(denoise, {}), (6000, 4000)
    plenty = estimate(denoise, parameters, size, work(), 10**12)
    short = estimate(denoise, parameters, size, work(), int(plenty.memory / 0.8) - 1)
    assert plenty.tile == 1024 and plenty.note is None
    assert SMALLEST_TILE <= short.tile < 1024 and short.memory < plenty.memory and str(short.tile) in (short.note or "")
    with pytest.raises(CapacityError, match="6000x4000 pixels needs"):
        estimate(denoise, parameters, size, work(), 10**6)


def test_measures_against_their_definitions() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((64, 80, 3)).astype(np.float32)
    noisy = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1).astype(np.float32)
    assert psnr(truth, noisy) == pytest.approx(peak_signal_noise_ratio(truth, noisy, data_range=1), abs=1e-4)
    assert psnr(truth, truth) == MAX_PSNR and ssim(truth, truth) == pytest.approx(1) and gmsd(truth, truth) == 0
    assert ssim(truth, noisy) < 1 and gmsd(truth, noisy) > 0 and ciede2000(truth, noisy) > ciede2000(truth, truth) == 0
    assert luma(np.ones((1, 1, 3), np.float32))[0, 0] == pytest.approx(235 / 255)
    assert luma(np.zeros((1, 1, 3), np.float32))[0, 0] == pytest.approx(16 / 255)
    assert cropped(truth, 2).shape == (60, 76, 3) and cropped(truth, 0) is truth


def test_colourfulness_is_nought_for_grey_and_grows_with_colour() -> None:
    grey, pale, strong = (plain(colour).rgb for colour in ((0.5, 0.5, 0.5), (0.6, 0.5, 0.4), (1, 0.2, 0)))
    assert colourfulness(grey) == 0 < colourfulness(pale) < colourfulness(strong)


def test_a_comparison_measures_what_would_be_saved() -> None:
    truth = Truth("one", plain((0.5, 0.5, 0.5)).rgb)
    case = Case(truth, plain((0.5, 0.5, 0.5)))
    shift = 0.3 / 255  # less than half a step: gone when saved
    rows = list(
        compare(
            "task",
            "case",
            [case],
            {"input": lambda one: one.given.rgb, "pixloom": lambda one: one.given.rgb + np.float32(shift)},
            work(),
        )
    )
    assert [row.ours for row in rows] == [False, True]
    assert rows[0].figures == rows[1].figures and rows[0].pictures == 1


def test_rasters() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13, 4), np.uint8)
    raster = from_bytes(pixels)
    assert raster.alpha is not None and raster.size == (13, 9) and raster.pixels == 117
    assert np.array_equal(to_bytes(np.dstack([raster.rgb, raster.alpha])), pixels)
    assert reduced(raster, 100) is raster
    small = reduced(Raster(np.ones((100, 40, 3), np.float32), np.ones((100, 40), np.float32), 16), 50)
    assert small.size == (20, 50) and small.depth == 16 and small.alpha is not None
    assert np.allclose(luminance(small.rgb), 1) and np.isnan(raster.with_rgb(raster.rgb * np.nan).rgb).all()


def test_folders_of_clean_pictures(tmp_path: Path) -> None:
    from indexer.errors import NotFoundError, UsageError
    from tuner.evaluate.restoration import evaluate_restoration, read_folders

    for name in ("a/1.png", "a/2.png", "b/1.png", "old_photos/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((20, 20, 3), 99, np.uint8))
    assert [(one.name, len(one.paths)) for one in read_folders(tmp_path)] == [("a", 2), ("b", 1)]
    assert [(one.name, len(one.paths)) for one in read_folders(tmp_path / "a", 1)] == [("a", 1)]
    with pytest.raises(NotFoundError):
        read_folders(tmp_path / "none")
    with pytest.raises(UsageError, match="no pictures"):
        (tmp_path / "empty").mkdir()
        read_folders(tmp_path / "empty")
    with pytest.raises(UsageError, match="Valid: upscale"):
        evaluate_restoration(tmp_path, work(), ["magic"])
