"""Enlarging: the quick way, by networks, and which of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact

from indexer.config import Settings
from indexer.errors import UsageError
from tuner.enhance.enlarge import enlarged, resized
from tuner.enhance.upscale import OPERATION, UpscaleParameters, upscale
from tuner.evaluate.comparison import Truth
from tuner.evaluate.measures import cropped, luma, psnr
from tuner.evaluate.upscale import evaluate, reduced
from tuner.operations import read_parameters
from tuner.raster import Raster
from tuner.work import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path))


@pytest.fixture(scope="module")
def truth() -> Truth:
    from skimage.data import astronaut

    return Truth("astronaut", astronaut()[:241, 100:341].astype(np.float32) / 255)


@pytest.fixture(scope="module")
def quadrupling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "quadrupling.safetensors"
    save_file(Compact(num_feat=4, num_conv=1, upscale=4).state_dict(), path)
    return path


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_quick_is_better_than_interpolation(factor: int, truth: Truth, work: Work) -> None:
    case = reduced(truth, factor)
    outcome = upscale(case.given, UpscaleParameters(factor=factor), work)
    assert outcome.size == (case.given.size[0] * factor, case.given.size[1] * factor)

    def quality(rgb: np.ndarray) -> float:
        return psnr(cropped(luma(case.truth.rgb), factor), cropped(luma(rgb.astype(np.float32)), factor))

    bicubic = resized(case.given.rgb, *outcome.size)
    assert quality(outcome.rgb) > quality(np.clip(bicubic, 0, 1)) + 0.7
    assert f"pixloom models pull dat-light-x{factor}" in work.notes[0]


def test_quick_gives_the_picture_back_when_reduced(truth: Truth, work: Work) -> None:
    given = reduced(truth, 2).given.rgb
    back = resized(enlarged(given, 2, work), given.shape[1], given.shape[0])
    assert np.abs(back - given).mean() < 0.003


def test_quick_in_parts_is_that_of_the_whole(truth: Truth, work: Work) -> None:
    whole = enlarged(truth.rgb, 2, work)
    work.tile = 100
    assert np.abs(enlarged(truth.rgb, 2, work) - whole).max() < 1 / 255


def test_a_file_of_weights(quadrupling: Path, work: Work) -> None:
    raster = Raster(np.repeat(np.random.default_rng(0).random((20, 30, 1)), 3, axis=2).astype(np.float32), None, 16)
    for factor in (2, 4):
        parameters = read_parameters(OPERATION, {"factor": str(factor), "weights": str(quadrupling)})
        assert OPERATION.resolve(parameters, work).name == "weights"
        outcome = OPERATION.apply(raster, parameters, work)
        assert outcome.size == (30 * factor, 20 * factor) and outcome.depth == 16
        assert (outcome.rgb == outcome.rgb[..., :1]).all()  # grey stays grey
    with pytest.raises(UsageError, match="needs the parameter weights"):
        upscale(raster, UpscaleParameters(method="weights"), work)


def test_a_network_that_enlarges_too_little_is_refused(tmp_path: Path, work: Work) -> None:
    path = tmp_path / "doubling.safetensors"
    save_file(Compact(num_feat=4, num_conv=1, upscale=2).state_dict(), path)
    with pytest.raises(UsageError, match="factor=2"):
        upscale(Raster(np.zeros((8, 8, 3), np.float32)), UpscaleParameters(factor=3, weights=str(path)), work)


def test_a_model_that_isnt_here_is_named_with_its_command(work: Work) -> None:
    with pytest.raises(UsageError, match="pixloom models pull dat-light-x3"):
        OPERATION.resolve(UpscaleParameters(method="dat-light-x3"), work)


def test_auto_takes_the_model_of_the_factor(work: Work, quadrupling: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "model", lambda _, name: quadrupling if name == "dat-light-x4" else None)
    assert OPERATION.resolve(UpscaleParameters(factor=4), work).name == "dat-light-x4"
    assert OPERATION.resolve(UpscaleParameters(factor=3), work).name == "quick"
    work.preview = True
    assert OPERATION.resolve(UpscaleParameters(factor=4), work).name == "quick"


def test_small_deep_and_transparent_pictures(work: Work) -> None:
    rgb, alpha = np.full((1, 1, 3), 0.3, np.float32), np.full((1, 1), 0.6, np.float32)
    outcome = upscale(Raster(rgb, alpha, 16), UpscaleParameters(factor=3), work)
    assert outcome.rgb.shape == (3, 3, 3) and outcome.depth == 16
    assert outcome.alpha is not None and np.allclose(outcome.alpha, 0.6) and np.allclose(outcome.rgb, 0.3)


def test_it_is_measured_beside_interpolation(truth: Truth, work: Work) -> None:
    rows = list(evaluate([truth], work))
    assert [row.method for row in rows] == ["bicubic", "Lanczos", "pixloom quick", "pixloom"]
    given = reduced(truth, 2).given.rgb
    bicubic = Image.fromarray(np.rint(given * 255).astype(np.uint8)).resize((240, 240), Image.Resampling.BICUBIC)
    oracle = np.asarray(bicubic, np.float32) / 255
    wanted = psnr(cropped(luma(truth.rgb[:240, :240]), 2), cropped(luma(oracle), 2))
    assert rows[0].figures["psnr"] == pytest.approx(wanted, abs=0.02)
