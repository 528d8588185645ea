"""Deblurring: kernels, deconvolution, and finding the blur."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import convolve2d

from indexer.config import Settings
from indexer.errors import StoppedError, TuneError, UsageError
from indexer.types import Floats
from tests.shelf import Shelf
from tuner.enhance import psf
from tuner.enhance.blur import estimated
from tuner.enhance.deblur import DeblurParameters, deblur
from tuner.evaluate.comparison import Truth
from tuner.evaluate.deblur import BLURS, blurred, kernel_of
from tuner.evaluate.measures import psnr
from tuner.raster import Raster
from tuner.work import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path))


@pytest.fixture(scope="module")
def truth() -> Truth:
    from skimage.data import astronaut

    return Truth("astronaut", astronaut()[:256, 100:356].astype(np.float32) / 255)


@pytest.mark.parametrize("blur", BLURS)
def test_kernels_sum_to_one_and_are_centred(blur: DeblurParameters) -> None:
    kernel = kernel_of(blur)
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.min() >= 0
    middle = np.arange(len(kernel)) - len(kernel) // 2
    assert abs((kernel.sum(0) * middle).sum()) < 0.05 and abs((kernel.sum(1) * middle).sum()) < 0.05


def test_kernels_spread_as_their_formulas_say() -> None:
    def variances(kernel: Floats) -> tuple[float, float]:
        squares = np.square(np.arange(len(kernel)) - len(kernel) // 2)
        return float((kernel.sum(0) * squares).sum()), float((kernel.sum(1) * squares).sum())

    assert variances(psf.gaussian(2)) == pytest.approx((4, 4), rel=0.01)
    assert variances(psf.disk(5)) == pytest.approx((25 / 4, 25 / 4), rel=0.03)
    across, down = variances(psf.motion(20, 30))  # length^2 / 12 along, and what sharing out adds
    assert across == pytest.approx(400 / 12 * 0.75, abs=0.5) and down == pytest.approx(400 / 12 * 0.25, abs=0.5)


def test_angles_turn_anticlockwise() -> None:
    kernel = psf.motion(11, 45)
    middle = len(kernel) // 2
    assert kernel[middle - 2, middle + 2] > 0 and kernel[middle + 2, middle + 2] == 0


def test_blurring_is_convolution() -> None:
    picture = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    kernel = psf.motion(7, 20) * np.linspace(0.5, 1, len(psf.motion(7, 20)), dtype=np.float32)
    assert np.allclose(psf.blurred(picture, kernel), convolve2d(picture, kernel, "same", "symm"), atol=1e-5)


@pytest.mark.parametrize("blur", [BLURS[0], BLURS[4], BLURS[7]])
def test_a_known_blur_is_undone(blur: DeblurParameters, truth: Truth, work: Work) -> None:
    case = blurred(truth, kernel_of(blur))
    before = case.given.rgb.copy()
    outcome = deblur(case.given, blur, work)
    assert psnr(case.truth.rgb, outcome.rgb) > psnr(case.truth.rgb, case.given.rgb) + 1.5
    assert np.array_equal(before, case.given.rgb)


def test_edges_do_not_ring(truth: Truth, work: Work) -> None:
    case = blurred(truth, kernel_of(BLURS[4]))
    error = np.abs(deblur(case.given, BLURS[4], work).rgb - case.truth.rgb)
    assert error[:8].mean() < 2.5 * error[40:-40, 40:-40].mean()


@pytest.mark.parametrize("blur", [BLURS[1], BLURS[4], BLURS[8]])
def test_an_unknown_blur_is_found(blur: DeblurParameters, truth: Truth, work: Work) -> None:
    case = blurred(truth, kernel_of(blur))
    found = estimated(case.given.rgb.mean(axis=2), 1.5 / 255, work)
    assert found.kind == blur.kernel
    assert found.extent == pytest.approx(blur.radius or blur.length, rel=0.25)
    if blur.kernel == "motion":
        assert abs((found.angle - blur.angle + 90) % 180 - 90) < 8


def test_an_outcome_in_parts_is_that_of_the_whole(truth: Truth, work: Work) -> None:
    given = blurred(truth, psf.gaussian(1)).given
    parameters = DeblurParameters(kernel="gaussian", radius=1, noise=2)
    whole = deblur(given, parameters, work)
    work.tile = 130
    assert np.abs(deblur(given, parameters, work).rgb - whole.rgb).max() < 1 / 255


def test_small_grey_and_deep_pictures(work: Work) -> None:
    for shape in ((1, 1), (3, 50)):
        rgb = np.full((*shape, 3), 0.5, np.float32)
        outcome = deblur(Raster(rgb, np.ones(shape, np.float32), 16), DeblurParameters(kernel="disk", radius=2), work)
        assert outcome.rgb.shape == rgb.shape and outcome.depth == 16 and outcome.alpha is not None
        assert np.allclose(outcome.rgb, 0.5, atol=1e-3)
        assert np.isfinite(deblur(Raster(rgb), DeblurParameters(), work).rgb).all()


def test_kernels_as_pictures(truth: Truth, work: Work) -> None:
    drawn = psf.disk(3)[:, 1:] / psf.disk(3).max()
    kernel = psf.from_picture(drawn.astype(np.float32))
    assert kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2 == 1 and kernel.sum() == pytest.approx(1)
    with pytest.raises(TuneError, match="black"):
        psf.from_picture(np.zeros((5, 5), np.float32))
    with pytest.raises(TuneError, match="larger"):
        psf.from_picture(np.ones((500, 5), np.float32))
    given = psf.disk(3)
    work.pictures = Shelf({9: Raster(np.repeat((given / given.max())[..., None], 3, 2).astype(np.float32))})
    picture = Raster(psf.blurred(truth.rgb, given))
    by_picture = deblur(picture, DeblurParameters(kernel="file", file="#9"), work)
    assert np.allclose(by_picture.rgb, deblur(picture, DeblurParameters(kernel="disk", radius=3), work).rgb, atol=1e-3)
    with pytest.raises(UsageError, match="parameter file"):
        deblur(picture, DeblurParameters(kernel="file"), work)


def test_it_can_be_stopped(truth: Truth, work: Work) -> None:
    work.should_stop = lambda: True
    with pytest.raises(StoppedError):
        deblur(Raster(truth.rgb), DeblurParameters(), work)
