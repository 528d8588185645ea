"""The quality guard, and how far an outcome has gone from its source."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import QualityError
from tuner.operation import Method, Operation, Parameters
from tuner.quality import check_outcome, drift
from tuner.raster import Raster

SAME_SIZE = Operation("tone", "", "enhance", Parameters, lambda picture, *_: picture, (Method("one", "", 0, 0),))
RESIZES = replace(SAME_SIZE, name="upscale", resizes=True)


def picture(width: int = 40, height: int = 30, seed: int = 0) -> Raster:
    return Raster(np.random.default_rng(seed).random((height, width, 3), dtype=np.float32))


def changed(source: Raster, by: float = 0.1) -> Raster:
    return source.with_rgb(source.rgb + np.float32(by))


def test_a_picture_that_was_changed_is_fine() -> None:
    source = picture()
    check_outcome(source, changed(source), SAME_SIZE)
    check_outcome(source, picture(80, 60), RESIZES)
    check_outcome(source, source, RESIZES)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Raster(np.zeros((30, 40, 3), np.float32)), "black"),
        (Raster(np.full((30, 40, 3), 0.5, np.float32)), "flat"),
        (picture(), "nothing"),
        (picture(41, 30), "41x30 pixels for a picture of 40x30"),
        (Raster(np.full((30, 40, 3), np.nan, np.float32)), "3600 of 3600 pixels are not numbers"),
        (Raster(np.full((30, 40, 3), np.inf, np.float32)), "not numbers"),
        (Raster(picture(seed=1).rgb * 3), "out of range"),
        (Raster(picture(seed=1).rgb, np.zeros((30, 40), np.float32)), "fully transparent"),
        (Raster(picture(seed=1).rgb, np.zeros((30, 41), np.float32)), "another size"),
        (Raster(np.zeros((30, 40), np.float32)), "no picture"),
    ],
)
def test_what_nobody_wants_is_an_error_that_says_what(outcome: Raster, says: str) -> None:
    with pytest.raises(QualityError, match=says) as raised:
        check_outcome(picture(), outcome, SAME_SIZE)
    assert str(raised.value).startswith("tone")


def test_one_bad_value_is_enough() -> None:
    outcome = changed(picture())
    outcome.rgb[3, 4, 1] = np.nan
    with pytest.raises(QualityError, match="1 of 3600"):
        check_outcome(picture(), outcome, SAME_SIZE)


@pytest.mark.parametrize("depth", [8, 16])
def test_half_a_step_of_the_depth_is_nothing(depth: int) -> None:
    source = replace(picture(), depth=depth)
    step = 1 / (2**depth - 1)
    small = source.with_rgb(np.clip(source.rgb, 0.1, 0.9))
    with pytest.raises(QualityError, match="changed nothing"):
        check_outcome(small, small.with_rgb(small.rgb + 0.4 * step), SAME_SIZE)
    check_outcome(small, small.with_rgb(small.rgb + 0.8 * step), SAME_SIZE)


def test_black_and_flat_pictures_may_stay_so() -> None:
    flat = Raster(np.full((30, 40, 3), 0.5, np.float32))
    check_outcome(flat, changed(flat), SAME_SIZE)
    black = Raster(np.zeros((30, 40, 3), np.float32))
    check_outcome(black, Raster(black.rgb, np.linspace(0, 1, 1200, dtype=np.float32).reshape(30, 40)), SAME_SIZE)
    dot = Raster(np.full((1, 1, 3), 0.2, np.float32))
    check_outcome(dot, changed(dot), SAME_SIZE)


def test_transparency_alone_is_a_change() -> None:
    source = picture()
    check_outcome(source, replace(source, alpha=np.full((30, 40), 0.5, np.float32)), SAME_SIZE)
    with pytest.raises(QualityError, match="changed nothing"):
        check_outcome(source, replace(source, alpha=np.ones((30, 40), np.float32)), SAME_SIZE)


def test_drift_is_none_for_the_same_and_grows_with_change() -> None:
    source = picture(300, 200)
    smooth = Raster(np.broadcast_to(np.linspace(0, 1, 300, dtype=np.float32)[None, :, None], (200, 300, 3)).copy())
    assert drift(source, source) == pytest.approx(1)
    assert drift(smooth, Raster(np.repeat(np.repeat(smooth.rgb, 2, 0), 2, 1))) > 0.99
    noise = np.random.default_rng(1).normal(0, 1, smooth.rgb.shape)
    values = [drift(smooth, smooth.with_rgb(smooth.rgb + amount * noise)) for amount in (0.02, 0.1, 0.5)]
    assert values == sorted(values, reverse=True)


@settings(max_examples=30, deadline=None)
@given(*[st.integers(1, 40)] * 4, st.booleans())
def test_drift_of_any_sizes(width: int, height: int, other_width: int, other_height: int, transparent: bool) -> None:
    first, second = picture(width, height), picture(other_width, other_height)
    if transparent:
        second = replace(second, alpha=np.zeros((other_height, other_width), np.float32))
    assert -1 <= drift(first, second) <= 1
