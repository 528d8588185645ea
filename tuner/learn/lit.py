"""Locked-image tuning (Zhai et al. 2022): teach texts to meet the features of a locked picture tower.

Read from top to bottom, as it runs: two heads learn over features and text embeddings that were computed once;
with `unlock="text"`, low-rank adapters of the text tower then learn along with them.
"""

import copy
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from indexer.encoders.adapters import Adapters, adapt
from indexer.encoders.headed import Towers
from indexer.encoders.heads import LiT
from indexer.meter import Meter
from indexer.reader import write_atomically
from indexer.types import Ids, OnProgress
from tuner.learn.contrastive import Encode, as_array, by_length, folded, info_nce, make_heads, recalls
from tuner.learn.training_set import TrainingSet

_SAMPLE = 20_000
"""Pictures that say how features vary."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults did best on Flickr8k (docs/quality.md)."""

    unlock: Literal["none", "text"] = "none"
    epochs: int = 15
    """Passes over all pictures; with `unlock="text"` as many again for the adapters."""
    batch: int = 512
    """Pictures that each caption is told apart from."""
    lr: float = 1e-3
    """Highest learning rate of heads and adapters (one-cycle, AdamW)."""
    weight_decay: float = 1e-2
    dropout: tuple[float, float] = (0.3, 0.1)
    """Of picture features and of text embeddings."""
    dimension: int = 512
    """Of the space where both meet."""
    rank: int = 8
    """Of the text tower's adapters."""
    views: tuple[str, ...] = ("plain", "flip")
    """How pictures are looked at, the plain way first; each step takes one by chance."""
    holdout: float = 0.05
    """Share of pictures that are not trained on, by which epochs are judged; at most 1,000 pictures."""
    patience: int = 4
    """Epochs in a row that are clearly worse after which training ends."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """Heads, adapters of the text tower by matrix, and what the held-out pictures said after each epoch (mean of
    recall@1, 5 and 10, both ways)."""

    lit: LiT
    adapters: Adapters
    history: tuple[float, ...]


def train(
    towers: Towers,
    data: TrainingSet,
    recipe: Recipe,
    folder: Path,
    on_progress: OnProgress,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained | None:
    """Train heads, and adapters where the recipe unlocks the text tower; None where `should_stop` said so.

    After each epoch all that is needed to go on is kept in `folder`: for a recipe and its data the result is the
    same whether or not it was stopped in between.
    """
    import torch

    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    some = data.training[:: math.ceil(len(data.training) / _SAMPLE)]
    plain = np.asarray(data.features[0, some], np.float32)
    heads = make_heads(plain, data.embeddings[data.rows_of(some)], recipe.dimension, recipe.dropout).to(device)
    run = _Run(heads, data, recipe, folder / "state.pt", on_progress, should_stop)
    groups: list[dict[str, Any]] = [{"params": [*heads.parameters()], "lr": recipe.lr}]
    run.phase("heads", groups, lambda rows: torch.from_numpy(data.embeddings[rows]).to(device))
    adapters: dict[str, tuple[Any, Any]] = {}
    if recipe.unlock == "text" and not run.stopped:
        module, tokenize = towers.text_module()
        torch.manual_seed(recipe.seed)
        adapters = adapt(module, recipe.rank)
        module.to(device)
        run.parts["adapters"] = torch.nn.ParameterList([tensor for pair in adapters.values() for tensor in pair])
        groups = [
            {"params": [*heads.parameters()], "lr": recipe.lr / 2},
            {"params": [*run.parts["adapters"]], "lr": recipe.lr, "weight_decay": 0.0},
        ]
        run.phase("adapters", groups, by_length(module, tokenize, data.captions, device))
    if run.stopped:
        return None
    tuned = {name: (as_array(a), as_array(b)) for name, (a, b) in adapters.items()}
    return Trained(folded(heads), tuned, tuple(run.history))


class _Run:
    """Epochs over the training pictures, each with one caption and one view by chance, until none is better."""

    def __init__(
        self,
        heads: Any,
        data: TrainingSet,
        recipe: Recipe,
        file: Path,
        on_progress: OnProgress,
        should_stop: Callable[[], bool],
    ) -> None:
        self.heads, self.data, self.recipe, self.file = heads, data, recipe, file
        self.on_progress, self.should_stop = on_progress, should_stop
        self.parts: dict[str, Any] = {"heads": heads}
        self.history: list[float] = []
        self.stopped = False

    def phase(self, name: str, groups: list[dict[str, Any]], encode: Encode) -> None:
        """Train the parameters of `groups`; the last epoch stays that was as good as any on the held-out pictures,
        within a standard error."""
        import torch

        recipe, per_epoch = self.recipe, math.ceil(len(self.data.training) / self.recipe.batch)
        steps = max(2, recipe.epochs * per_epoch)
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [group["lr"] for group in groups], steps)
        epoch, best = self._resume(name, {"optimiser": optimiser, "schedule": schedule}, encode)
        meter = Meter(f"train {name}", steps, self.on_progress, epoch * per_epoch)
        while epoch < recipe.epochs and epoch - best["epoch"] < recipe.patience:
            for places in self._batches(name, epoch):
                if self.should_stop():
                    self.stopped = True
                    return
                loss = self._loss(places, encode)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                meter.step()
            epoch += 1
            score = self._score(encode)
            self.history.append(score)
            # Later epochs have lower learning rates: one that is as good within the error of so few pictures stays.
            if score > best["score"] - math.sqrt(score * (1 - score) / len(self.data.held_out)):
                best = {"epoch": epoch, "score": max(score, best["score"]), "parts": self._states()}
            self._save(name, epoch, best, {"optimiser": optimiser, "schedule": schedule})
        self._load(best["parts"])

    def _batches(self, phase: str, epoch: int) -> list[Ids]:
        """Places of the training pictures in a new order, in parts of nearly the same size."""
        import torch

        # Seeded by epoch, so that a run which was stopped goes on as if it had not been.
        self.rng = np.random.default_rng([self.recipe.seed, len(phase), epoch])
        torch.manual_seed(int(self.rng.integers(2**31)))
        order = self.rng.permutation(self.data.training)
        return np.array_split(order, math.ceil(len(order) / self.recipe.batch))

    def _loss(self, places: Ids, encode: Encode) -> Any:
        import torch

        data = self.data
        views = self.rng.integers(len(data.features), size=len(places))
        rows = data.random_rows(places, self.rng)
        pictures = torch.from_numpy(data.features[views, places].astype(np.float32))
        return info_nce(self.heads, pictures.to(self.heads.scale.device), encode(rows), data.texts[rows])

    def _score(self, encode: Encode) -> float:
        import torch

        data, held = self.data, self.data.held_out
        rows = data.rows_of(held)
        self.heads.eval()
        with torch.no_grad():
            features = torch.from_numpy(np.asarray(data.features[0, held], np.float32)).to(self.heads.scale.device)
            pictures, texts = self.heads("picture", features), self.heads("text", encode(rows))
        self.heads.train()
        found = recalls(as_array(texts), as_array(pictures), np.searchsorted(held, data.owner[rows]))
        return float(np.mean([*found.values()]))

    def _states(self) -> dict[str, Any]:
        return {name: copy.deepcopy(part.state_dict()) for name, part in self.parts.items()}

    def _load(self, states: dict[str, Any]) -> None:
        for name, state in states.items():
            self.parts[name].load_state_dict(state)

    def _save(self, phase: str, epoch: int, best: dict[str, Any], helpers: dict[str, Any]) -> None:
        import torch

        state = {"phase": phase, "epoch": epoch, "best": best, "history": self.history, "parts": self._states()}
        file = io.BytesIO()
        torch.save(state | {name: helper.state_dict() for name, helper in helpers.items()}, file)
        write_atomically(self.file, file.getvalue())

    def _resume(self, phase: str, helpers: dict[str, Any], encode: Encode) -> tuple[int, dict[str, Any]]:
        """Epochs of this phase that are done and the best of them; everything as it was left."""
        import torch

        state: dict[str, Any] = {"phase": None}
        if self.file.exists():
            state = torch.load(self.file, map_location=self.heads.scale.device, weights_only=True)
        if state["phase"] == phase:
            self._load(state["parts"])
            for name, helper in helpers.items():
                helper.load_state_dict(state[name])
            self.history = state["history"]
            return state["epoch"], state["best"]
        if phase == "heads" and state["phase"] == "adapters":  # this phase was done; the other one loads its state
            self.history = state["history"]
            return self.recipe.epochs, {"epoch": self.recipe.epochs, "parts": {"heads": state["parts"]["heads"]}}
        score = self._score(encode) if phase == "adapters" else -1.0
        return 0, {"epoch": 0, "score": score, "parts": self._states()}
