"""Palette: where colours go, and that nothing is rounded on the way."""

from pathlib import Path

import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import UsageError
from indexer.types import Floats
from tuner.creative.lut import NODES, apply_lut, grid
from tuner.creative.palette import OPERATION, PaletteParameters, palette, recoloured, to_lab
from tuner.operations import read_parameters
from tuner.raster import Raster, luminance
from tuner.work import Work


class Shelf:
    """A collection of one picture."""

    def __init__(self, picture: Floats) -> None:
        self.picture = picture

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        return Raster(self.picture)


def patches(*colours: tuple[float, float, float]) -> Floats:
    """Bars of colours, with a little noise so that none is alone."""
    bars = np.repeat(np.array(colours, np.float32)[None], 30, 0)
    noise = np.random.default_rng(0).normal(0, 0.01, (30, 20 * len(colours), 3))
    return np.clip(np.repeat(bars, 20, 1) + noise, 0, 1).astype(np.float32)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    warm = patches((0.25, 0.08, 0.05), (0.95, 0.75, 0.4))
    return Work(Settings(home=tmp_path), pictures=Shelf(warm))  # type: ignore[arg-type]


COLD = patches((0.05, 0.1, 0.3), (0.6, 0.8, 0.95))


def test_a_linear_table_is_met_exactly_between_its_nodes(work: Work) -> None:
    random = np.random.default_rng(1)
    colours, matrix = random.random((50, 60, 3), np.float32), random.random((3, 3), np.float32) * 0.3
    expected = colours @ matrix + 0.1
    assert np.allclose(apply_lut(colours, grid() @ matrix + np.float32(0.1), 1, work), expected, atol=1e-5)


def test_a_table_of_any_kind_is_met_at_its_nodes_and_by_share(work: Work) -> None:
    table = np.random.default_rng(2).random((NODES, NODES, NODES, 3), np.float32)
    nodes = grid().reshape(NODES, -1, 3)
    assert np.allclose(apply_lut(nodes, table, 1, work), table.reshape(nodes.shape), atol=1e-4)
    assert np.allclose(apply_lut(nodes, table, 0.25, work), 0.75 * nodes + 0.25 * table.reshape(nodes.shape), atol=1e-4)
    assert np.array_equal(apply_lut(nodes, table, 0, work), nodes)


def test_dark_goes_to_dark_and_light_to_light(work: Work) -> None:
    made = OPERATION.apply(Raster(COLD), PaletteParameters(reference="1"), work).rgb
    wanted = patches((0.25, 0.08, 0.05), (0.95, 0.75, 0.4))
    for side in (slice(0, 20), slice(20, 40)):
        assert np.abs(made[:, side].mean((0, 1)) - wanted[:, side].mean((0, 1))).max() < 0.05


def test_listed_colours_are_met(work: Work) -> None:
    made = OPERATION.apply(Raster(COLD), PaletteParameters(colours="#401408, #f2c066"), work).rgb
    for side, colour in ((slice(0, 20), (64, 20, 8)), (slice(20, 40), (242, 192, 102))):
        assert np.abs(made[:, side].mean((0, 1)) * 255 - colour).max() < 12


def test_its_own_palette_changes_nothing_and_shares_add_up() -> None:
    found, shares = palette(to_lab(COLD))
    assert shares.sum() == pytest.approx(1, abs=1e-5) and len(found) == len(shares)
    assert np.abs(recoloured(COLD, COLD, COLD) - COLD).max() < 2e-3


def test_what_is_light_can_be_left_as_it_is(work: Work) -> None:
    made = OPERATION.apply(Raster(COLD), PaletteParameters(reference="1", keep_luminance=True), work).rgb
    assert np.abs(luminance(made) - luminance(COLD)).mean() < 0.06
    assert (made[..., 0] > made[..., 2]).mean() > 0.8, "blue has become warm"


def test_a_fine_ramp_stays_a_ramp(work: Work) -> None:
    ramp = np.linspace(0.2, 0.3, 6554, dtype=np.float32)[None, :, None].repeat(3, 2)
    made = OPERATION.apply(Raster(ramp, depth=16), PaletteParameters(colours="#203040 #d0a060"), work).rgb[0]
    levels = [len(np.unique(np.rint(made[:, channel] * 65535))) for channel in range(3)]
    assert min(levels) > 1000, "eight bits would leave some thirty"
    assert np.abs(np.diff(made, axis=0)).max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (40, 30)])
def test_size_depth_and_alpha_stay(shape: tuple[int, int], work: Work) -> None:
    rgb, alpha = np.full((*shape, 3), 0.4, np.float32), np.full(shape, 0.5, np.float32)
    made = OPERATION.apply(Raster(rgb, alpha, 16), PaletteParameters(reference="1"), work)
    assert made.rgb.shape == rgb.shape and made.rgb.dtype == np.float32 and made.depth == 16
    assert made.alpha is alpha and np.all(rgb == np.float32(0.4))
    assert np.isfinite(made.rgb).all() and made.rgb.min() >= 0 and made.rgb.max() <= 1


def test_what_does_not_fit_is_refused(work: Work) -> None:
    for given in ({}, {"reference": "1", "colours": "#000000"}):
        with pytest.raises(UsageError, match="palette needs"):
            OPERATION.apply(Raster(COLD), PaletteParameters(**given), work)
    for wrong in ("red", "#12345", ""):
        with pytest.raises(UsageError, match="colours"):
            read_parameters(OPERATION, {"colours": wrong})
    work.pictures = None
    with pytest.raises(UsageError, match="collection"):
        OPERATION.apply(Raster(COLD), PaletteParameters(reference="1"), work)
