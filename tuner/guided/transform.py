"""h of I_O = h(I, F; psi): a colour transform whose tables are predicted from an encoder's features F.

Three parts, each a small table for one picture: a curve for each channel; a colour table in three dimensions, blended
from learned ones (Zeng et al. 2020); and a bilateral grid of gains and offsets, so that what lies in the shade may be
treated unlike what lies in the sun (Gharbi et al. 2017). Only the prediction looks at the picture as a whole, at
reduced size; the tables are then applied to as many pixels as there are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

KNOTS = 17
"""Of each curve, evenly spaced over 0..1."""
NODES = 9
"""Of the learned colour tables along each axis."""
BAKED = 33
"""Nodes along each axis of the one table that is applied; a multiple of the curves' intervals, and one."""
TABLES = 12
"""Learned colour tables that are blended."""
DEPTH, ACROSS = 8, 16
"""Of the bilateral grid: levels of luma, and cells along each side."""
LOOK = 32
"""Side in pixels of the picture that the local part looks at."""
CODE = 192
"""Numbers that say how a picture should be treated."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights of a transform fit to."""

    features: int
    """Numbers that the encoder gives of a picture."""
    tables: int = TABLES
    code: int = CODE


class Transform(nn.Module):
    """psi, and how it is used. Pictures are float [n, 3, h, w] in 0..1, gamma-encoded sRGB; features [n, f]."""

    mean: Tensor
    """Of the features that it learns from [f]; they are brought to about -1..1 by it and by their `spread`."""
    spread: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.zeros(shape.features))
        self.register_buffer("spread", torch.ones(shape.features))
        self.code = nn.Sequential(nn.Linear(shape.features, shape.code), nn.SiLU(), nn.LayerNorm(shape.code))
        self.mix = nn.Sequential(nn.Linear(shape.code, shape.code), nn.SiLU())
        self.curves = nn.Linear(shape.code, 3 * KNOTS)
        self.weights = nn.Linear(shape.code, shape.tables)
        self.tables = nn.Parameter(0.02 * torch.randn(shape.tables, 3, NODES, NODES, NODES))
        self.local = Local(shape.code)
        for layer in (self.curves, self.weights):
            nn.init.normal_(layer.weight, std=1e-3)
            nn.init.zeros_(layer.bias)

    def encode(self, features: Tensor) -> Tensor:
        """[n, f] -> the code [n, c] that decides everything."""
        seen = ((features - self.mean) / self.spread).clamp(-8, 8)
        code: Tensor = self.code(seen)
        mixed: Tensor = self.mix(code)
        return code + mixed

    def curve(self, code: Tensor) -> Tensor:
        """[n, c] -> values at the knots [n, 3, KNOTS]."""
        even = torch.linspace(0, 1, KNOTS, device=code.device)
        moved: Tensor = self.curves(code).reshape(-1, 3, KNOTS)
        return even + moved

    def table(self, code: Tensor) -> Tensor:
        """[n, c] -> moves of colours at the nodes [n, 3, blue, green, red]."""
        return torch.einsum("nt,tcbgr->ncbgr", self.weights(code), self.tables)

    def everywhere(self, pictures: Tensor, code: Tensor) -> Tensor:
        """The global part: curves, then the colour table; not clipped."""
        bent = bend(pictures, self.curve(code))
        return bent + look_up(self.table(code), bent)

    def forward(self, pictures: Tensor, features: Tensor) -> Tensor:
        """Pictures [n, 3, h, w] and features [n, f] -> outcomes [n, 3, h, w], not clipped."""
        return self.treat(pictures, self.encode(features))

    def treat(self, pictures: Tensor, code: Tensor) -> Tensor:
        """Pictures [n, 3, h, w] and codes [n, c] -> outcomes [n, 3, h, w], not clipped."""
        made = self.everywhere(pictures, code)
        return adjust(made, self.local(made, code))

    def baked(self, code: Tensor) -> Tensor:
        """Both global parts in one table of outcomes [n, 3, BAKED, BAKED, BAKED] by blue, green, red."""
        axis = torch.linspace(0, 1, BAKED, device=code.device)
        blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
        nodes = torch.stack((red, green, blue)).reshape(1, 3, BAKED * BAKED, BAKED).expand(len(code), -1, -1, -1)
        return self.everywhere(nodes, code).reshape(-1, 3, BAKED, BAKED, BAKED)


class Local(nn.Module):
    """What differs from place to place: a bilateral grid [n, 2, DEPTH, ACROSS, ACROSS] of gains and offsets."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 32, 3, padding=1)
        self.grid = nn.Conv2d(32, 2 * DEPTH, 1)
        self.scale, self.shift = nn.Linear(code, 32), nn.Linear(code, 32)
        for values, spread in zip(self.grid.parameters(), (1e-3, 0.0), strict=True):
            nn.init.normal_(values, std=spread)

    def forward(self, pictures: Tensor, code: Tensor) -> Tensor:
        """Outcomes of the global part [n, 3, h, w] of any size, and the code [n, c] -> the grid."""
        small = functional.interpolate(pictures.clamp(0, 1), (LOOK, LOOK), mode="area")
        seen = functional.silu(self.second(functional.silu(self.first(small))))
        seen = seen * (1 + self.scale(code)[..., None, None]) + self.shift(code)[..., None, None]
        seen = functional.silu(self.third(functional.silu(seen)))
        grid: Tensor = self.grid(seen).reshape(-1, 2, DEPTH, ACROSS, ACROSS)
        return grid


def bend(pictures: Tensor, knots: Tensor) -> Tensor:
    """Each channel of [n, 3, h, w] through its curve [n, 3, k], linear between knots; values are held to 0..1."""
    place = pictures.clamp(0, 1) * (knots.shape[2] - 1)
    low = place.detach().floor().clamp(max=knots.shape[2] - 2)
    at = low.long().flatten(2)
    below, above = knots.gather(2, at), knots.gather(2, at + 1)
    return (below + (above - below) * (place - low).flatten(2)).reshape(pictures.shape)


def look_up(tables: Tensor, pictures: Tensor) -> Tensor:
    """Tables [n, c, blue, green, red] at the colours of [n, 3, h, w], linear between nodes -> [n, c, h, w]."""
    places = (pictures.clamp(0, 1) * 2 - 1).permute(0, 2, 3, 1)[:, None]
    return functional.grid_sample(tables, places, align_corners=True, padding_mode="border")[:, :, 0]


def adjust(pictures: Tensor, grid: Tensor) -> Tensor:
    """Pictures [n, 3, h, w] with the gain and offset of a bilateral grid [n, 2, d, g, g] at place and luma."""
    n, _, height, width = pictures.shape
    luma = pictures.clamp(0, 1).mean(1)
    down = torch.linspace(-1, 1, height, device=luma.device)[None, :, None].expand(n, height, width)
    across = torch.linspace(-1, 1, width, device=luma.device)[None, None].expand(n, height, width)
    places = torch.stack((across, down, luma * 2 - 1), 3)[:, None]
    found = functional.grid_sample(grid, places, align_corners=True, padding_mode="border")[:, :, 0]
    return pictures * (1 + found[:, :1]) + found[:, 1:]
