"""The chain for old photographs: its steps, what can be left out, tints, and what it tells."""

import numpy as np
import pytest

from indexer.config import Settings
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster, luminance
from tuner.repair.restore import RestoreParameters, chain, is_toned, steps_for, without_tint
from tuner.work import Work


def old(height: int = 120, width: int = 160) -> Raster:
    """A faded brown print with a scratch."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    grey = 0.45 + 0.12 * np.sin(columns / 25) * np.cos(rows / 20)
    grey += np.random.default_rng(0).normal(0, 0.01, grey.shape)
    rgb = grey[..., None] * np.array([1.05, 0.95, 0.82])
    rgb[10:110, 80:82] = 0.95
    return Raster(rgb.clip(0, 1).astype(np.float32))


def colourful() -> Raster:
    rgb = np.random.default_rng(0).random((30, 40, 3), np.float32)
    return Raster(rgb)


def names(picture: Raster, **given: object) -> list[str]:
    return [name for name, _ in steps_for(picture, RestoreParameters(**given))]  # type: ignore[arg-type]


def test_steps_are_in_order_and_can_be_left_out() -> None:
    assert names(old()) == ["scratches", "denoise", "tone"]
    assert names(old(), denoise=False) == ["scratches", "tone"]
    assert names(old(), sepia="remove", scratches=False) == ["denoise", "grey", "tone"]
    assert names(old(), colour=True) == ["scratches", "denoise", "grey", "tone", "colorize"]
    assert names(colourful(), scratches=False, denoise=False, tone=False) == []


def test_a_tint_is_told_from_colours() -> None:
    assert is_toned(Raster(old().rgb[:, :70])) and not is_toned(colourful())
    neutral = without_tint(old())
    assert np.ptp(neutral.rgb, axis=2).max() == 0
    assert np.allclose(luminance(neutral.rgb), luminance(old().rgb), atol=1e-5)


def test_a_chain_says_what_each_step_did() -> None:
    told: list[tuple[int, int, str]] = []
    work = Work(Settings(), on_step=lambda done, total, what: told.append((done, total, what)))
    given = old()
    made = chain(given, [("scratches", {"sensitivity": 0.5}), ("grey", {})], work)
    assert np.abs(made.rgb[20:100, 80:82] - 0.95).min() > 0.1, "the scratch is still there"
    assert np.ptp(made.rgb, axis=2).max() == 0
    assert any(note.startswith("scratches: changed by") for note in work.notes)
    assert any(note.startswith("grey: changed by") for note in work.notes)
    assert any("scratches" in what for _, _, what in told) and all(done <= total for done, total, _ in told)


@pytest.mark.parametrize("sepia", ["keep", "remove"])
def test_the_whole_chain(sepia: str) -> None:
    operation = get_operation("restore")
    given = old()
    made = operation.apply(given, read_parameters(operation, {"sepia": sepia}), Work(Settings()))
    assert made.size == given.size and made.rgb.dtype == np.float32 and np.isfinite(made.rgb).all()
    assert luminance(made.rgb).std() > luminance(given.rgb[:, :70]).std(), "fading was not undone"
    tint = float(np.abs(made.rgb[..., 0] - made.rgb[..., 2]).mean())
    assert tint > 0.03 if sepia == "keep" else tint < 0.02
