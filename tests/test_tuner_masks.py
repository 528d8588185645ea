"""Masks: every way to say where, united, grown and feathered; and what can't be meant."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import UsageError
from tuner.operation import Operation
from tuner.operations import read_parameters
from tuner.raster import Raster
from tuner.repair.masks import Mask, MaskParameters, feathered, read_mask
from tuner.work import Work

OPERATION = Operation("fill", "", "repair", MaskParameters, lambda picture, parameters, work: picture, ())


@dataclass
class Shelf:
    """Pictures by reference."""

    pictures: dict[str, Raster] = field(default_factory=dict)

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        return self.pictures[reference]


def mask_of(picture: Raster, pictures: dict[str, Raster] | None = None, scale: float = 1.0, **given: Any) -> Mask:
    work = Work(Settings(), scale=scale, pictures=Shelf(pictures or {}))  # type: ignore[arg-type]
    parameters = read_parameters(OPERATION, given)
    assert isinstance(parameters, MaskParameters)
    return read_mask(parameters, picture, work)


def grey(width: int, height: int, value: float = 0.5) -> Raster:
    return Raster(np.full((height, width, 3), value, np.float32))


@pytest.mark.parametrize("box", ["2,1,3,4", [2, 1, 3, 4], "2 1 3 4"])
def test_a_box_is_read_from_text_and_from_lists(box: object) -> None:
    mask = mask_of(grey(10, 8), box=box)
    wanted = np.zeros((8, 10), bool)
    wanted[1:5, 2:5] = True
    assert np.array_equal(mask, wanted)


@pytest.mark.parametrize("polygon", ["0,0 9,0 0,9", [[0, 0], [9, 0], [0, 9]], [0, 0, 9, 0, 0, 9]])
def test_a_polygon_is_read_from_text_and_from_lists(polygon: object) -> None:
    mask = mask_of(grey(10, 10), polygon=polygon)
    rows, columns = np.mgrid[:10, :10]
    assert np.array_equal(mask, rows + columns <= 9)


def test_ways_are_united() -> None:
    drawn = grey(10, 8, 0)
    drawn.rgb[7, 9] = 1
    mask = mask_of(grey(10, 8), {"7": drawn}, mask="7", box="0,0,1,1")
    assert mask.sum() == 2 and mask[0, 0] and mask[7, 9]


def test_a_click_takes_what_is_alike_and_connected() -> None:
    picture = grey(40, 30, 0.2)
    picture.rgb[5:15, 5:15] = (0.9, 0.1, 0.1)
    picture.rgb[9:11, 9:11] = 0  # a hole within, which is taken along
    picture.rgb[20:25, 30:35] = (0.9, 0.1, 0.1)  # alike, but elsewhere
    wanted = np.zeros((30, 40), bool)
    wanted[5:15, 5:15] = True
    assert np.array_equal(mask_of(picture, click="6,7"), wanted)
    assert mask_of(picture, click="6,7", tolerance=200).all()


def test_an_outline_is_that_of_the_object() -> None:
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:80, :100]
    disc = np.hypot(rows - 40, columns - 50) < 20
    rgb = np.where(disc[..., None], (0.8, 0.3, 0.2), (0.1, 0.4, 0.2)) + rng.normal(0, 0.03, (80, 100, 3))
    picture = Raster(rgb.clip(0, 1).astype(np.float32))
    rough = mask_of(picture, click="50,40", tolerance=15)
    fitted = mask_of(picture, click="50,40", tolerance=15, outline=True)
    wrong = (fitted ^ disc).sum()
    assert wrong < 0.05 * disc.sum() and wrong <= (rough ^ disc).sum()


def test_growing_and_feathering() -> None:
    mask = mask_of(grey(21, 21), box="10,10,1,1", grow="3")
    rows, columns = np.mgrid[:21, :21]
    away = np.hypot(rows - 10, columns - 10)
    assert mask[away <= 2.9].all() and not mask[away > 3.7].any()
    weight = feathered(mask, 4)
    assert (weight[mask] == 1).all() and (weight[away > 9] == 0).all()
    assert ((weight > 0) & (weight < 1)).any() and weight.dtype == np.float32


def test_a_preview_scales_pixels() -> None:
    drawn = grey(20, 16, 0)
    drawn.rgb[:, 10:] = 1
    wanted = np.zeros((8, 10), bool)
    wanted[:, 5:] = True
    assert np.array_equal(mask_of(grey(10, 8), scale=0.5, box="10,0,10,16"), wanted)
    assert np.array_equal(mask_of(grey(10, 8), {"m": drawn}, scale=0.5, mask="m"), wanted)
    assert mask_of(grey(1, 1), scale=0.01, box="99,99,1,1").all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "mask .*box .*polygon .*click"),
        ({"box": "5,5,10,2"}, "outside of the picture, which is 10 x 8"),
        ({"box": "5,5,0,2"}, "positive"),
        ({"box": "-1,0,3,3"}, "outside"),
        ({"box": "1,2,3"}, "box"),
        ({"box": "a,b,c,d"}, "box"),
        ({"polygon": "0,0 1,1"}, "three corners"),
        ({"polygon": "0,0 1,1 99,1"}, "reaches 99,1"),
        ({"click": "10,0"}, "x from 0 to 9, y from 0 to 7"),
        ({"mask": "small"}, "3 x 2 pixels, the picture 10 x 8"),
        ({"mask": "black"}, "black is black everywhere"),
        ({"grow": "-1", "box": "0,0,1,1"}, "grow"),
    ],
)
def test_what_cannot_be_meant_is_said(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mask_of(grey(10, 8), {"small": grey(3, 2), "black": grey(10, 8, 0)}, **given)
