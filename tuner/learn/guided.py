"""Guided and joint training: min over omega, psi of (1/N) sum L(h(I_i, LM(I_i; omega); psi), T_i).

Read from top to bottom, as it runs. LM is an encoder with weights omega, h a colour transform with weights psi
(`tuner.guided.transform`). With omega locked, what the encoder sees was computed once; where it learns along, each step
runs it, on small pictures first.
"""

import copy
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from indexer.encoders.headed import Towers
from indexer.meter import Meter
from indexer.reader import write_atomically
from indexer.types import Floats, Ids, OnProgress
from tuner.guided.transform import Shape, Transform
from tuner.learn.losses import Losses, Weights, psnr
from tuner.learn.omega import Unlock, learned, restore, unlock
from tuner.learn.seen import Seen

_SAMPLE = 1024
"""Examples that say how features vary."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults are those of the guide that ships (docs/quality.md)."""

    unlock: Unlock = "none"
    """Which of the encoder's weights learn along."""
    features: bool = True
    """Whether the transform is told what the encoder sees; without, it treats all pictures alike, for comparison."""
    epochs: int = 20
    """Passes over all examples, each in one of its variants."""
    batch: int = 32
    lr: float = 2e-3
    """Highest learning rate of psi (one-cycle, AdamW)."""
    encoder_lr: float = 2e-4
    """The same of omega."""
    weight_decay: float = 1e-2
    dropout: float = 0.1
    """Of features."""
    sides: tuple[int, ...] = (32, 64)
    """Sides in pixels of the pictures that are judged, an equal share of epochs each: small first."""
    looks: tuple[int, ...] = (96, 128)
    """Sides of what the encoder is shown where it learns along, in the same way."""
    variants: int = 4
    """Ways in which each clean picture is spoilt."""
    rank: int = 8
    """Of the encoder's adapters."""
    losses: Weights = field(default_factory=Weights)
    holdout: float = 0.03
    """Share of the examples that is not trained on, by which epochs are judged; 1,000 at most."""
    patience: int = 6
    """Epochs in a row without a better one after which training ends."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """psi, what omega has become where it learned, and the PSNR of held-out examples after each epoch, in dB."""

    net: Transform
    omega: dict[str, Floats]
    side: int | None
    history: tuple[float, ...]


def train(
    towers: Towers,
    seen: Seen,
    recipe: Recipe,
    folder: Path,
    on_progress: OnProgress,
    should_stop: Callable[[], bool] = lambda: False,
    begin: Transform | None = None,
) -> Trained | None:
    """Train a transform, and the encoder where the recipe unlocks it; None where `should_stop` said so.

    After each epoch all that is needed to go on is kept in `folder`: for a recipe and its examples the result is the
    same whether or not it was stopped in between. `begin` is a transform to go on from.
    """
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    omega = None
    if recipe.unlock != "none":
        omega = unlock(towers.picture_module(), recipe.unlock, recipe.rank).to(device)
    run = _Run(omega, seen, recipe, folder / "state.pt", device, towers.share)
    usual = run.look(0) if omega is None else round(towers.picture_size * towers.share)
    net = copy.deepcopy(begin) if begin else Transform(Shape(towers.dimension))
    if begin is None or run.look(0) != usual:  # an encoder sees something else in pictures of other sizes
        net.mean, net.spread = run.spread()
    history = run.epochs(net.to(device), _judge(towers, recipe, device), on_progress, should_stop, begin is not None)
    if history is None:
        return None
    side = run.look(recipe.epochs - 1) if omega is not None else None
    if not recipe.features:  # it was told nothing, and is never to be told anything
        torch.nn.init.zeros_(next(net.code.parameters()))
        net.spread = torch.ones_like(net.spread)
    return Trained(net.cpu().eval(), learned(omega) if omega is not None else {}, side, tuple(history))


def _judge(towers: Towers, recipe: Recipe, device: str) -> Losses:
    """The losses, with a locked encoder of their own where one is perceptual."""
    encode = None
    if recipe.losses.perceptual:
        module = towers.picture_module().requires_grad_(False).to(device)
        side = towers.picture_size if not towers.any_size else 128

        def encode(pictures: Tensor) -> Tensor:
            found: Tensor = module(functional.interpolate(pictures, (side, side), mode="bilinear", antialias=True))
            return found

    return Losses(recipe.losses, encode, recipe.lr / 4, device)


class _Run:
    """Epochs over the examples until none is better."""

    def __init__(self, omega: Any, seen: Seen, recipe: Recipe, file: Path, device: str, share: float) -> None:
        self.omega, self.seen, self.recipe, self.file, self.device = omega, seen, recipe, file, device
        self.share = share
        good = np.array([number for number in range(len(seen.afters)) if number not in seen.failed], np.int64)
        order = np.random.default_rng(recipe.seed).permutation(good)
        held = max(1, min(1000, round(recipe.holdout * len(good))))
        self.held, self.training = np.sort(order[:held]), np.sort(order[held:])
        self.rng = np.random.default_rng(recipe.seed)

    def look(self, epoch: int) -> int:
        """Side of what the encoder is shown in an epoch."""
        return _at(self.recipe.looks, epoch, self.recipe.epochs)

    def spread(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of features [f] over some of the examples."""
        some = self.training[:: math.ceil(len(self.training) / _SAMPLE)]
        with torch.no_grad():
            parts = [self._features(part, np.zeros(len(part), np.int64), self.look(0)) for part in _parts(some, 32)]
        found = torch.cat(parts)
        return found.mean(0).cpu(), (found.std(0) + 1e-3 * found.std() + 1e-8).cpu()

    def epochs(
        self, net: Transform, judge: Losses, on_progress: OnProgress, should_stop: Callable[[], bool], begun: bool
    ) -> list[float] | None:
        """Train; `net` and omega are then those of the best epoch, or as they were `begun` with where none is better.
        The score of each epoch, None where it was stopped."""
        recipe, per_epoch = self.recipe, math.ceil(len(self.training) / self.recipe.batch)
        parts = {"net": net, "omega": self.omega, "critic": judge.critic}
        optimiser = torch.optim.AdamW(self._groups(net), weight_decay=recipe.weight_decay)
        rates, steps = [group["lr"] for group in optimiser.param_groups], max(2, recipe.epochs * per_epoch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, steps, pct_start=0.2)
        parts |= {"optimiser": optimiser, "schedule": schedule, "critic_optimiser": judge.optimiser}
        history, best = self._resume(parts, self._score(net, 0) if begun else -math.inf)
        meter = Meter("train", steps, on_progress, len(history) * per_epoch)
        while len(history) < recipe.epochs and len(history) - best["epoch"] < recipe.patience:
            for places in self._batches(len(history)):
                if should_stop():
                    return None
                loss = self._loss(net, judge, places, len(history))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(
                    [one for group in optimiser.param_groups for one in group["params"]], 1.0
                )
                optimiser.step()
                schedule.step()
                meter.step()
            history.append(self._score(net, len(history)))
            if history[-1] >= best["score"]:
                best = {"epoch": len(history), "score": history[-1], "parts": _states(parts, ("net", "omega"))}
            self._save(parts, history, best)
        _load(parts, best["parts"])
        return history

    def _groups(self, net: Transform) -> list[dict[str, Any]]:
        groups = [{"params": [*net.parameters()], "lr": self.recipe.lr}]
        if self.omega is not None:
            learning = [one for one in self.omega.parameters() if one.requires_grad]
            groups.append({"params": learning, "lr": self.recipe.encoder_lr})
        return groups

    def _batches(self, epoch: int) -> list[Ids]:
        """Numbers of the training examples in a new order, in parts of nearly the same size."""
        # Seeded by epoch, so that a run which was stopped goes on as if it had not been.
        self.rng = np.random.default_rng([self.recipe.seed, epoch])
        torch.manual_seed(int(self.rng.integers(2**31)))
        return _parts(self.rng.permutation(self.training), self.recipe.batch)

    def _loss(self, net: Transform, judge: Losses, places: Ids, epoch: int) -> Tensor:
        variants = self.rng.integers(self.seen.variants, size=len(places))
        features = self._features(places, variants, self.look(epoch))
        if self.recipe.dropout:
            kept = torch.rand_like(features) >= self.recipe.dropout
            features = net.mean + (features - net.mean) * kept / (1 - self.recipe.dropout)
        code = net.encode(features)
        before, truth = self._pictures(places, variants, _at(self.recipe.sides, epoch, self.recipe.epochs))
        return judge(net, code, net.treat(before, code), truth)

    def _features(self, places: Ids, variants: Ids, look: int) -> Tensor:
        """What the encoder makes of befores [n, f]: kept, or by the encoder as it is by now."""
        if self.omega is None:
            found = torch.from_numpy(self.seen.features[variants, places].astype(np.float32)).to(self.device)
            return found if self.recipe.features else torch.zeros_like(found)
        shown = middle(self._shown(self.seen.befores[variants, places]), self.share)
        if shown.shape[3] != look:
            shown = functional.interpolate(shown, (look, look), mode="bilinear", antialias=True)
        seen: Tensor = self.omega(shown)
        return seen

    def _pictures(self, places: Ids, variants: Ids, side: int) -> tuple[Tensor, Tensor]:
        """Before and after [n, 3, side, side]."""
        both = (self._shown(self.seen.befores[variants, places]), self._shown(self.seen.afters[places]))
        before, after = (
            one if one.shape[3] == side else functional.interpolate(one, (side, side), mode="area") for one in both
        )
        return before, after

    def _shown(self, pixels: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).permute(0, 3, 1, 2).float() / 255

    def _score(self, net: Transform, epoch: int) -> float:
        """Mean PSNR over the held-out examples, in dB."""
        net.eval()
        found = []
        with torch.no_grad():
            for places in _parts(self.held, 32):
                variants = places % self.seen.variants
                before, truth = self._pictures(places, variants, self.recipe.sides[-1])
                made = net(before, self._features(places, variants, self.look(epoch)))
                found.append(psnr(made.clamp(0, 1), truth))
        net.train()
        return float(torch.cat(found).mean())

    def _save(self, parts: dict[str, Any], history: list[float], best: dict[str, Any]) -> None:
        file = io.BytesIO()
        torch.save({"parts": _states(parts), "history": history, "best": best}, file)
        write_atomically(self.file, file.getvalue())

    def _resume(self, parts: dict[str, Any], score: float) -> tuple[list[float], dict[str, Any]]:
        """Scores of the epochs that are done, and the best of them; everything as it was left."""
        if not self.file.exists():
            return [], {"epoch": 0, "score": score, "parts": _states(parts, ("net", "omega"))}
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        _load(parts, state["parts"])
        return state["history"], state["best"]


def measure(trained: Trained, towers: Towers, seen: Seen, recipe: Recipe) -> dict[str, float]:
    """Mean PSNR over the held-out examples in small: of the befores as they are, and of what was made of them."""
    omega = None
    if trained.side is not None:
        omega = restore(towers.picture_module(), trained.omega)
    run = _Run(omega, seen, recipe, Path(), "cpu", towers.share)
    with torch.no_grad():
        variants = run.held % seen.variants
        before, truth = run._pictures(run.held, variants, recipe.sides[-1])
    return {
        "before": float(psnr(before, truth).mean()),
        "after": run._score(trained.net, recipe.epochs - 1),
    }


def middle(pictures: Tensor, share: float) -> Tensor:
    """The middle part of pictures [n, 3, s, s], a `share` of each side."""
    side = pictures.shape[3]
    edge = round(side * (1 - share) / 2)
    return pictures[:, :, edge : side - edge, edge : side - edge]


def _at(steps: tuple[int, ...], epoch: int, epochs: int) -> int:
    """The step whose turn it is: each has an equal share of the epochs."""
    return steps[min(len(steps) - 1, epoch * len(steps) // max(epochs, 1))]


def _parts(numbers: Ids, size: int) -> list[Ids]:
    return np.array_split(numbers, math.ceil(len(numbers) / size))


def _states(parts: dict[str, Any], names: tuple[str, ...] | None = None) -> dict[str, Any]:
    chosen = {name: part for name, part in parts.items() if part is not None and (names is None or name in names)}
    return {name: copy.deepcopy(part.state_dict()) for name, part in chosen.items()}


def _load(parts: dict[str, Any], states: dict[str, Any]) -> None:
    for name, state in states.items():
        parts[name].load_state_dict(state)
