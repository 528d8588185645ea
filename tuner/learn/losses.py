"""What outcomes are judged by while a guide learns: a weighted sum, of which every part can be left out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tuner.guided.transform import Transform

_FLOOR = 1e-6
"""Mean squared error below which a picture can't be told from its truth in 8 bits."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part counts; 0 leaves it out."""

    fidelity: float = 1.0
    """Of the mean PSNR, in units of 10 dB: every picture counts alike, however far it is from its truth."""
    l1: float = 2.0
    """Of the mean absolute difference of values in 0..1."""
    perceptual: float = 0.0
    """Of 1 minus the cosine between the encoder's features of outcome and truth."""
    smooth: float = 1e-3
    """Of squared differences between neighbouring nodes of tables and knots of curves (Zeng et al. 2020)."""
    monotone: float = 1.0
    """Of how far curves and tables fall where they should rise (Zeng et al. 2020)."""
    adversarial: float = 0.0
    """Of what a critic of patches, which learns beside, holds against them (Isola et al. 2017; hinge loss)."""


class Losses:
    """The sum for one batch; keeps the critic, where there is one."""

    def __init__(self, weights: Weights, encode: Callable[[Tensor], Tensor] | None, lr: float, device: str) -> None:
        """`encode` gives features of pictures [n, 3, s, s], differentiable; needed for the perceptual part only."""
        self.weights, self.encode = weights, encode
        self.critic: Any = critic().to(device) if weights.adversarial else None
        self.optimiser = torch.optim.AdamW(self.critic.parameters(), lr) if self.critic else None

    def __call__(self, net: Transform, code: Tensor, made: Tensor, truth: Tensor) -> Tensor:
        """Of outcomes and truths [n, 3, h, w], made by way of `code` [n, c]."""
        weights, total = self.weights, made.new_zeros(())
        total = total - weights.fidelity / 10 * psnr(made, truth).mean()
        total = total + weights.l1 * (made - truth).abs().mean()
        curve, table = net.curve(code), net.table(code)
        if weights.smooth:
            total = total + weights.smooth * roughness(curve, net.tables)
        if weights.monotone:
            total = total + weights.monotone * falls(curve, table)
        if weights.perceptual and self.encode is not None:
            likeness = functional.cosine_similarity(self.encode(made.clamp(0, 1)), self.encode(truth), dim=1)
            total = total + weights.perceptual * (1 - likeness).mean()
        if self.critic is not None:
            total = total + weights.adversarial * self._adversarial(made, truth)
        return total

    def _adversarial(self, made: Tensor, truth: Tensor) -> Tensor:
        """One step of the critic, and what it then says of the outcomes."""
        assert self.optimiser is not None, "it comes with the critic"
        told = functional.relu(1 - self.critic(truth)).mean() + functional.relu(1 + self.critic(made.detach())).mean()
        self.optimiser.zero_grad()
        told.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.critic.requires_grad_(False)
        verdict: Tensor = -self.critic(made).mean()
        self.critic.requires_grad_(True)
        return verdict


def psnr(made: Tensor, truth: Tensor) -> Tensor:
    """Peak signal to noise ratio of each of n pictures [n, 3, h, w] in 0..1, in dB."""
    return -10 * torch.log10(((made - truth) ** 2).mean((1, 2, 3)) + _FLOOR)


def roughness(curve: Tensor, tables: Tensor) -> Tensor:
    """Mean squared second differences of curves [n, 3, k] and first differences of tables [t, 3, g, g, g]."""
    bends = (curve[..., 2:] - 2 * curve[..., 1:-1] + curve[..., :-2]) ** 2
    steps = sum((tables.diff(dim=axis) ** 2).mean() for axis in (2, 3, 4))
    return bends.mean() * curve.shape[2] + steps


def falls(curve: Tensor, table: Tensor) -> Tensor:
    """Mean fall of curves [n, 3, k], and of colours moved by tables [n, 3, blue, green, red] along their own axis."""
    even = 1 / (table.shape[2] - 1)
    along = [table[:, channel].diff(dim=3 - channel) + even for channel in range(3)]
    return functional.relu(-curve.diff(dim=2)).mean() + sum(functional.relu(-step).mean() for step in along) / 3


def critic() -> nn.Module:
    """A small network that gives a verdict for each patch of a picture [n, 3, h, w]: above 0 where it looks true."""
    layers: list[nn.Module] = []
    for before, after in ((3, 24), (24, 48), (48, 64)):
        layers += [nn.utils.spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(64, 1, 3, 1, 1))
