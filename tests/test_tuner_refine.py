"""Detail by a diffusion model in an enlarged picture: seams, seeds, colours, and outcomes that are none."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import QualityError
from indexer.types import Floats
from tests import pipelines
from tuner.diffusion.ask import Ask
from tuner.diffusion.paint import paint
from tuner.diffusion.refine import COARSE, refined
from tuner.enhance.upscale import OPERATION, UpscaleParameters
from tuner.operations import get_operation
from tuner.quality import check_outcome
from tuner.raster import Raster
from tuner.work import Work

SIDE = pipelines.SIDE


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(pipelines.sd(tmp_path_factory.mktemp("models") / "sd"))


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path), seed=2**32 - 1)


@pytest.fixture(scope="module")
def photograph() -> Floats:
    from skimage.data import astronaut

    return astronaut()[100:120, 200:228].astype(np.float32) / 255


def noise(ask: Ask, work: Work) -> Raster:
    """In place of a model: the picture with noise of the seed."""
    assert ask.picture is not None
    rgb = ask.picture.rgb
    return ask.picture.with_rgb(rgb + np.random.default_rng(work.seed).normal(0, 0.1, rgb.shape) + 0.2)


def test_parts_keep_their_colours_and_no_seam_is_seen(work: Work) -> None:
    grey = np.full((80, 200, 3), 0.5, np.float32)
    outcome = refined(grey, Ask("x"), noise, SIDE, work)
    assert outcome.shape == grey.shape and outcome.std() > 0.03, "detail is new"
    blurred = cv2.GaussianBlur(outcome, (0, 0), 4 * SIDE * COARSE)
    assert np.abs(blurred - 0.5).max() < 0.04, "though the model made it lighter by 0.2"
    steps = np.abs(np.diff(outcome.mean(2), axis=1)).mean(0)
    assert steps.max() < 1.6 * steps.mean(), "no column differs more from the next one than chance has it"


def test_every_part_has_a_seed_of_its_own_and_steps_are_told_of_the_whole(work: Work) -> None:
    seeds: list[int] = []
    told: list[tuple[int, int]] = []

    def listening(ask: Ask, inner: Work) -> Raster:
        seeds.append(inner.seed)
        inner.step(1, 2, "painting")
        return noise(ask, inner)

    work.on_step = lambda done, total, what: told.append((done, total))
    refined(np.full((SIDE, 3 * SIDE, 3), 0.5, np.float32), Ask("x"), listening, SIDE, work)
    assert seeds == [2**32 - 1, 0, 1, 2] and told == [(1, 8), (3, 8), (5, 8), (7, 8)]


def test_upscale_by_diffusion(model: str, photograph: Floats, work: Work) -> None:
    def made(**more: object) -> Floats:
        parameters = UpscaleParameters.model_validate({"method": "diffusion", "model": model, "prompt": "a man"} | more)
        return OPERATION.apply(Raster(photograph), parameters, work).rgb

    plain = OPERATION.apply(Raster(photograph), UpscaleParameters(method="quick"), work).rgb
    outcome = made()
    assert outcome.shape == (40, 56, 3) and not np.allclose(outcome, plain, atol=0.01)
    assert np.array_equal(outcome, made()), "the same seed, the same pixels"
    assert np.allclose(made(strength=0), plain, atol=1e-5)
    work.preview = True
    assert np.array_equal(made(), plain), "a quick look runs no model"


def test_it_is_never_what_auto_means(model: str, work: Work) -> None:
    asked = UpscaleParameters(method="diffusion")
    assert OPERATION.resolve(asked, work).source == "compositeWithTrainedAlgorithmicMedia"
    for factor in (2, 3, 4):
        assert OPERATION.resolve(UpscaleParameters(factor=factor), work).name == "quick"


def test_a_decoder_that_overflows_gives_no_picture(tmp_path: Path, work: Work) -> None:
    """As half precision does: weights of which sums are infinite, and differences of these no numbers."""
    vae = pipelines.vae(4)
    vae.decoder.conv_in.weight.data.fill_(3e38)
    folder = pipelines.sd(tmp_path / "overflowing", vae=vae)
    outcome = paint(str(folder), Ask("a dog", steps=1, width=SIDE, height=SIDE), work)
    with pytest.raises(QualityError, match="pixels are not numbers"):
        check_outcome(Raster(np.zeros((1, 1, 3), np.float32)), outcome, get_operation("generate"))
