"""What a collection teaches of colours: patches of its pictures, seen in grey, to odds of its swatches."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from indexer.types import Floats
from tuner.repair.grey_patches import LIGHT
from tuner.repair.swatches import choose, shares

_KEPT = 256
"""Principal components that are kept of the tower's maps."""
_HIDDEN = 1024
_RIDGE = 3e-3
_AT_ONCE = 5_000
_SAMPLE = 15_000
_FLOOR = 1e-4
"""Odds of a swatch that nothing speaks for."""


@dataclass(frozen=True, slots=True)
class View:
    """How features [n, d] are looked at: scaled, and their maps turned to principal components."""

    mean: Floats
    scale: Floats
    basis: Floats
    """[d - LIGHT, components]; no components where features are of light and place only."""

    def of(self, features: Floats) -> Floats:
        """[n, d] -> [n, components + LIGHT], float32."""
        scaled = (features.astype(np.float32) - self.mean) / self.scale
        return np.concatenate([scaled[:, :-LIGHT] @ self.basis, scaled[:, -LIGHT:]], 1)


@dataclass(frozen=True, slots=True)
class ColourModel:
    """A regression that was fitted on a collection: a hidden layer of random weights, and ridge regression above
    it (Rahimi & Recht 2008): one pass and one solve, the same on every machine up to rounding."""

    view: View
    hidden: Floats
    offsets: Floats
    weights: Floats
    swatches: Floats

    def odds(self, features: Floats) -> Floats:
        """Features [n, d] -> odds [n, swatches], each row of sum 1."""
        found = np.maximum(_lifted(self.view.of(features), self.hidden, self.offsets) @ self.weights, _FLOOR)
        odds: Floats = found / found.sum(1, keepdims=True)
        return odds


def view_of(features: Floats) -> View:
    """The view that suits features [n, d], such as those of the pictures that colours are taken from."""
    sample = features[:: max(1, len(features) // _SAMPLE)].astype(np.float32)
    mean, scale = sample.mean(0), sample.std(0) + 1e-3
    maps = ((sample - mean) / scale)[:, :-LIGHT]
    values, vectors = np.linalg.eigh(maps.T @ maps / len(maps)) if maps.shape[1] else (np.empty(0), maps[:0].T)
    values, vectors = values[::-1][:_KEPT], vectors[:, ::-1][:, :_KEPT]
    # Halfway to whitening: the first few components would drown the others, the last are noise.
    basis = vectors / np.maximum(values, 1e-6) ** 0.35
    spread = float((maps @ basis).std()) if maps.shape[1] else 1.0
    return View(mean, scale, (basis / max(spread, 1e-6)).astype(np.float32))


def fit(features: Floats, chroma: Floats, seed: int = 0) -> ColourModel:
    """From features [n, d] and the a*, b* [n, 2] of the same patches. The same for the same seed."""
    random = np.random.default_rng(seed)
    view, swatches = view_of(features), choose(chroma, seed)
    width = view.basis.shape[1] + LIGHT
    hidden = (random.normal(size=(width, _HIDDEN)) / width**0.5).astype(np.float32)
    offsets = (random.normal(size=_HIDDEN) * 0.5).astype(np.float32)
    inner = np.zeros((width + _HIDDEN + 1,) * 2, np.float64)
    outer = np.zeros((len(inner), len(swatches)), np.float64)
    for start in range(0, len(features), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        lifted = _lifted(view.of(features[part]), hidden, offsets)
        inner += lifted.T @ lifted
        outer += lifted.T @ shares(chroma[part], swatches)
    inner[np.diag_indices_from(inner)] += _RIDGE * np.trace(inner) / len(inner)
    weights = np.linalg.solve(inner, outer).astype(np.float32)
    return ColourModel(view, hidden, offsets, weights, swatches)


def _lifted(seen: Floats, hidden: Floats, offsets: Floats) -> Floats:
    ones = np.ones((len(seen), 1), np.float32)
    return np.concatenate([seen, np.maximum(seen @ hidden + offsets, 0), ones], 1)


def save(model: ColourModel, path: Path, **facts: int) -> None:
    """Write it with whole numbers that tell what it was fitted on, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.npz")
    arrays: dict[str, Any] = {**asdict(model), **asdict(model.view), **facts}
    del arrays["view"]
    np.savez(draft, **arrays)
    draft.replace(path)


def load(path: Path, **facts: int) -> ColourModel | None:
    """What was saved with these very facts; None where there is none, or it is damaged."""
    try:
        with np.load(path) as file:
            if any(int(file[name]) != value for name, value in facts.items()):
                return None
            view = View(file["mean"], file["scale"], file["basis"])
            return ColourModel(view, file["hidden"], file["offsets"], file["weights"], file["swatches"])
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
