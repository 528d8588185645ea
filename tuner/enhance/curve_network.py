"""A network that predicts curves for each pixel of a dark picture (Zero-DCE: Guo et al. 2020)."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from indexer.errors import TuneError
from indexer.types import Floats

_WIDTH = 32
REACH = 7
"""How far a pixel can be from those that its outcome depends on: seven layers of 3x3."""


class _Layers(nn.Module):
    """Seven convolutions; the last three also see the outcomes of the third, second and first."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        sizes = [(3, _WIDTH), *[(_WIDTH, _WIDTH)] * 3, *[(2 * _WIDTH, _WIDTH)] * 2, (2 * _WIDTH, 3 * steps)]
        for number, (given, made) in enumerate(sizes, 1):
            self.add_module(f"conv{number}", nn.Conv2d(given, made, 3, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        """[1, 3, h, w] -> parameters of curves, -1..1."""
        seen: list[Tensor] = []
        for number in range(1, 5):
            picture = torch.relu(self.get_submodule(f"conv{number}")(picture))
            seen.append(picture)
        for number, earlier in ((5, seen[2]), (6, seen[1])):
            picture = torch.relu(self.get_submodule(f"conv{number}")(torch.cat([picture, earlier], 1)))
        curves: Tensor = torch.tanh(self.get_submodule("conv7")(torch.cat([picture, seen[0]], 1)))
        return curves


class CurveNetwork(nn.Module):
    """[1, 3, h, w] in 0..1 -> brightened, by quadratic curves x - a x (1 - x), one after the other."""

    def __init__(self, steps: int = 8) -> None:
        super().__init__()
        self.steps = steps
        self.dce_net = _Layers(steps)

    def forward(self, picture: Tensor) -> Tensor:
        """The curves applied."""
        for curve in self.dce_net(picture).split(3, 1):
            picture = (picture - curve * picture * (1 - picture)).clamp(0, 1)
        return picture

    @torch.inference_mode()
    def brighten(self, rgb: Floats) -> Floats:
        """[h, w, 3] in 0..1 -> the same shape, float32."""
        made = self(torch.from_numpy(rgb).permute(2, 0, 1)[None])
        outcome: Floats = made[0].permute(1, 2, 0).contiguous().numpy()
        return outcome


def load_network(path: Path) -> CurveNetwork:
    """The network with weights of the model zero-dce. TuneError where the file isn't one of it."""
    network = CurveNetwork()
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(saved["model_state_dict"])
    except Exception as error:  # torch raises many kinds for files that aren't what they should be
        raise TuneError(f"{path.name} holds no weights of zero-dce: pull the model again. ({error})") from error
    return network.eval()
