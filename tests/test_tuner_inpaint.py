"""Filling: only the hole changes, and what goes in is what must have been there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spandrel.architectures.LaMa import LaMa

from indexer.config import Settings
from indexer.errors import StoppedError, TuneError, UsageError
from tuner.evaluate.comparison import Truth
from tuner.evaluate.inpaint import KINDS, drawn, evaluate
from tuner.evaluate.measures import psnr
from tuner.networks.inpainting import inpaint_with
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster
from tuner.repair import patches
from tuner.repair.patches import complete
from tuner.work import Work

METHODS = ("mixed", "exemplar", "biharmonic", "telea", "navier-stokes")


def run(picture: Raster, work: Work | None = None, **given: Any) -> Raster:
    operation = get_operation("inpaint")
    return operation.apply(picture, read_parameters(operation, given), work or Work(Settings()))


def slope(height: int = 40, width: int = 50) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack((0.2 + columns / 100, 0.3 + rows / 100, 0.5 + 0 * rows), axis=2).astype(np.float32)


def stripes(height: int = 64, width: int = 96, period: int = 8) -> np.ndarray:
    columns = np.mgrid[:height, :width][1]
    return np.repeat(np.where(columns % period < period // 2, 0.2, 0.8)[..., None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_hole_changes_and_a_slope_goes_on(method: str) -> None:
    clean = slope()
    hurt = clean.copy()
    hurt[10:16, 20:26] = 1
    given = hurt.copy()
    alpha = np.linspace(0, 1, 40 * 50, dtype=np.float32).reshape(40, 50)
    made = run(Raster(hurt, alpha, 16), method=method, box="20,10,6,6")
    outside = np.ones((40, 50), bool)
    outside[10:16, 20:26] = False
    assert np.array_equal(hurt, given), "the input was changed"
    assert np.array_equal(made.rgb[outside], clean[outside])
    assert np.abs(made.rgb - clean).max() < 0.06
    assert made.depth == 16 and made.alpha is alpha and made.rgb.dtype == np.float32


def test_a_biharmonic_surface_keeps_a_slope_exactly_and_finer_than_8_bits() -> None:
    clean = slope()
    made = run(Raster(clean, None, 16), method="biharmonic", box="20,10,6,6")
    assert np.abs(made.rgb - clean).max() < 0.1 / 255


@pytest.mark.parametrize("method", ["mixed", "exemplar"])
def test_texture_goes_on_in_large_holes(method: str) -> None:
    clean = stripes()
    made = run(Raster(clean), method=method, box="30,20,24,24").rgb
    smooth = run(Raster(clean), method="telea", box="30,20,24,24").rgb
    hole = np.s_[20:44, 30:54]
    assert psnr(clean[hole], made[hole]) > psnr(clean[hole], smooth[hole]) + (10 if method == "exemplar" else 2)


def test_pictures_that_are_searched_at_a_smaller_size_keep_their_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "SEARCHED", 64 * 96)
    clean = stripes(128, 192, 16)
    hole = np.zeros((128, 192), bool)
    hole[41:85, 61:105] = True
    made = complete(np.where(hole[..., None], 0, clean), hole, 0, lambda done, total: None)
    assert np.array_equal(made[~hole], clean[~hole])
    assert psnr(clean[hole], made[hole]) > 20


def test_a_feather_fades_out_around_the_hole() -> None:
    picture = np.random.default_rng(0).random((40, 40, 3), np.float32)
    made = run(Raster(picture), method="telea", box="15,15,8,8", feather=4).rgb
    changed = (made != picture).any(axis=2)
    assert changed[15:23, 15:23].all() and changed[13, 19] and not changed[9].any() and not changed[:, 29].any()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_pixels(method: str) -> None:
    picture = np.random.default_rng(0).random((40, 60, 3), np.float32)
    first, second = (run(Raster(picture), Work(Settings(), seed=5), method=method, box="20,10,15,15") for _ in "ab")
    assert np.array_equal(first.rgb, second.rgb)


def test_what_cannot_be_filled_is_said() -> None:
    with pytest.raises(UsageError, match="covers the whole picture"):
        run(Raster(np.full((1, 1, 3), 0.5, np.float32)), box="0,0,1,1")
    with pytest.raises(UsageError, match="too large for biharmonic"):
        run(Raster(np.full((300, 300, 3), 0.5, np.float32)), method="biharmonic", box="10,10,280,280")
    with pytest.raises(UsageError, match="pixloom models pull lama"):
        run(Raster(slope()), method="lama", box="1,1,3,3")


@pytest.mark.parametrize("method", METHODS)
def test_tiny_pictures(method: str) -> None:
    made = run(Raster(np.full((1, 2, 3), 0.5, np.float32)), method=method, box="0,0,1,1")
    assert np.allclose(made.rgb, 0.5, atol=1e-4)


def test_it_can_be_stopped() -> None:
    with pytest.raises(StoppedError):
        run(Raster(stripes()), Work(Settings(), should_stop=lambda: True), box="30,20,24,24")


def test_a_network_fills_the_hole_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LaMa(in_nc=4, out_nc=3)
    path = tmp_path / "lama.pth"
    torch.save(network.state_dict(), path)
    picture = slope(20, 30)
    hole = np.zeros((20, 30), bool)
    hole[5:15, 10:20] = True
    made = inpaint_with(path, picture, hole, Work(Settings()))
    assert np.array_equal(made[~hole], picture[~hole])
    assert made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1
    assert (made[hole] != picture[hole]).any()


def test_a_file_that_is_no_network_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(b"nothing")
    with pytest.raises(TuneError, match=r"broken\.pth"):
        inpaint_with(path, slope(), np.ones((40, 50), bool), Work(Settings()))


def test_its_masks_cover_what_they_should_and_its_figures_are_of_the_hole() -> None:
    for draw in KINDS.values():
        mask = drawn(np.zeros((60, 80, 3), np.float32), draw, 0.2, np.random.default_rng(0))
        assert 0.2 <= mask.mean() < 0.6
    rows = list(evaluate([Truth("stripes", stripes(48, 64))], Work(Settings())))
    assert {row.method for row in rows if row.ours} == {"pixloom"}
    assert {row.case for row in rows} == {f"{kind}, {share}" for kind in KINDS for share in ("10%", "25%")}
