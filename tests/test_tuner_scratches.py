"""Scratches: known ones are found and repaired, and a picture without any is left alone."""

import numpy as np
import pytest

from indexer.config import Settings
from tuner.evaluate.comparison import Truth
from tuner.evaluate.measures import psnr
from tuner.evaluate.scratches import agreement, damaged, evaluate
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster
from tuner.work import Work


def scene(height: int = 160, width: int = 200) -> np.ndarray:
    """Soft shapes and an edge between two of them, with a little grain."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    grey = 0.45 + 0.15 * np.sin(columns / 40) * np.cos(rows / 30) + 0.2 * (columns > 120)
    grain = np.random.default_rng(0).normal(0, 0.01, (height, width))
    return ((grey + grain)[..., None] * np.array([1, 0.9, 0.8])).clip(0, 1).astype(np.float32)


def run(rgb: np.ndarray, **given: object) -> Raster:
    operation = get_operation("scratches")
    return operation.apply(Raster(rgb), read_parameters(operation, given), Work(Settings()))


def scratched(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hurt, mask = rgb.copy(), np.zeros(rgb.shape[:2], bool)
    for column in range(20, 180):
        row = 30 + column // 2
        mask[row : row + 2, column] = True
    hurt[mask] = 0.95
    dark = np.zeros_like(mask)
    dark[10:150, 60] = True
    hurt[dark] = 0.05
    return hurt, mask | dark


def test_scratches_are_found_and_repaired() -> None:
    clean = scene()
    hurt, mask = scratched(clean)
    found = run(hurt, show_mask=True).rgb[..., 0] > 0.5
    precision, recall, _ = agreement(found, mask)
    assert precision > 0.9 and recall > 0.65
    repaired = run(hurt)
    assert psnr(clean, repaired.rgb) > psnr(clean, hurt) + 3
    assert np.array_equal(repaired.rgb[~found], hurt[~found])


def test_dust_is_found_unless_it_is_left_out() -> None:
    clean = scene()
    hurt, mask = clean.copy(), np.zeros(clean.shape[:2], bool)
    for row, column in ((20, 30), (70, 90), (130, 160)):
        mask[row : row + 3, column : column + 3] = True
    hurt[mask] = 0.98
    found = run(hurt, show_mask=True).rgb[..., 0] > 0.5
    assert found[mask].all() and found.sum() < 4 * mask.sum()
    assert np.array_equal(run(hurt, dust=False).rgb, hurt)


def test_a_picture_without_scratches_is_left_alone() -> None:
    clean = scene()
    assert np.array_equal(run(clean).rgb, clean)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    assert run(np.full((*shape, 3), 0.5, np.float32)).size == shape[::-1]


def test_more_sensitive_finds_no_less() -> None:
    hurt, _ = damaged(scene(), np.random.default_rng(3))
    shares = [float(run(hurt, show_mask=True, dust=False, sensitivity=one).rgb.mean()) for one in (0, 0.5, 1)]
    assert shares == sorted(shares)


def test_its_figures() -> None:
    rows = list(evaluate([Truth("scene", scene())], Work(Settings())))
    figures = {(row.case, row.method): row.figures for row in rows}
    assert figures["simulated, the mask", "pixloom"]["precision"] > 0.5
    assert figures["no scratches, the mask", "pixloom"]["found"] == 0
