"""Marks of compression are found and taken out; other pictures are left alone."""

import numpy as np
import pytest
import skimage.data

from indexer.config import Settings
from indexer.errors import UsageError
from indexer.types import Floats
from tuner.enhance.compression import jpeg_quality
from tuner.evaluate.comparison import Truth
from tuner.evaluate.dejpeg import compressed, evaluate, shifted
from tuner.evaluate.measures import psnr
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster
from tuner.work import Work

OPERATION = get_operation("dejpeg")


def work(**given: object) -> Work:
    return Work(Settings(), **given)  # type: ignore[arg-type]


def photo(side: int = 160) -> Floats:
    """A part of a photograph, scaled down so that its own compression can't be seen."""
    whole = skimage.data.astronaut().astype(np.float32) / 255
    return whole.reshape(256, 2, 256, 2, 3).mean((1, 3))[40 : 40 + side, 60 : 60 + side]


def cleaned(picture: Raster, given: Work | None = None, **parameters: object) -> Raster:
    outcome: Raster = OPERATION.apply(picture, read_parameters(OPERATION, parameters), given or work())
    return outcome


@pytest.mark.parametrize("quality", [5, 10, 25, 50, 75, 90])
def test_the_quality_is_found(quality: int) -> None:
    found = jpeg_quality(compressed(photo(), quality).rgb)
    assert found is not None and abs(found - quality) <= 1  # neighbours have the same steps at low frequencies


def test_pictures_that_were_not_compressed_have_no_quality() -> None:
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    for other in (photo(), noise, np.zeros((64, 64, 3), np.float32), photo()[:7, :7], photo()[:1, :1]):
        assert jpeg_quality(other) is None


@pytest.mark.parametrize(("quality", "gain"), [(10, 0.7), (20, 0.7), (40, 0.6)])
def test_marks_are_taken_out_whether_the_quality_is_given_or_not(quality: int, gain: float) -> None:
    clean = photo()
    before = compressed(clean, quality)
    for after in (cleaned(before), cleaned(before, quality=str(quality))):
        assert psnr(clean, after.rgb) > psnr(clean, before.rgb) + gain
        assert psnr(clean, after.rgb) > psnr(clean, shifted(before.rgb, quality))


def test_others_stay_as_they_are() -> None:
    clean, told = Raster(photo()), work()
    assert cleaned(clean, told) is clean
    assert told.notes == ["No sign of JPEG compression was found. Give quality (1 to 100) if there is some."]
    assert psnr(clean.rgb, cleaned(clean, quality=100).rgb) > 38


def test_parts_give_what_the_whole_gives() -> None:
    before = compressed(photo(199)[:, :171], 20)
    parts = cleaned(before, work(tile=70), quality=20, effort="quick").rgb
    assert np.abs(cleaned(before, quality=20, effort="quick").rgb - parts).max() < 1 / 255


def test_strength_and_depth_and_alpha() -> None:
    before = compressed(photo(64), 20).rgb
    picture, kept = Raster(before, np.ones((64, 64), np.float32), 16), before.copy()
    after = cleaned(picture, quality=20)
    assert after.depth == 16 and after.alpha is picture.alpha and after.rgb.dtype == np.float32
    assert len(np.unique(after.rgb)) > 1000
    np.testing.assert_array_equal(cleaned(picture, quality=20, strength=0).rgb, before)
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (17, 8)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    grey = np.full((*shape, 3), 0.4, np.float32)
    assert cleaned(Raster(grey), quality=30).rgb == pytest.approx(grey, abs=0.1)
    assert cleaned(Raster(grey)).rgb.shape == grey.shape


def test_a_wrong_quality_is_named() -> None:
    with pytest.raises(UsageError, match=r"dejpeg: quality can't be .*: it is auto or a number from 1 to 100"):
        read_parameters(OPERATION, {"quality": "0"})


def test_evaluation_has_every_method_at_every_quality() -> None:
    rows = list(evaluate([Truth("astronaut", photo(64))], work()))
    assert len(rows) == 4 * 6
    assert [row.method for row in rows if row.ours] == ["pixloom"] * 4
