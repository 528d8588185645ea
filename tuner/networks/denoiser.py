"""A small network that takes noise, or the marks of JPEG, out of a picture when told how strong they are.

The strength arrives as one more plane beside the colours, so that one set of weights serves every strength, and the
picture is folded 2x2 into channels before anything else, which is what makes it quick (both as in FFDNet, Zhang et al.
2018); the body is a U-Net of residual blocks without biases (as in DRUNet, Zhang et al. 2021), a thirtieth its size.
"""

import torch
from torch import Tensor, nn

WIDTHS = (24, 48, 96)
"""Channels at a half, a quarter and an eighth of the picture's size: each level costs the same."""
BLOCKS = 2
GRID = 8
"""Sides of what the network is given are multiples of it, in pixels."""
REACH = 96
"""Pixels beyond which nothing of the picture plays a part: convolutions reach 10 * 2 at a half of its size, 8 * 4 at a
quarter and 4 * 8 at an eighth, 84 together, and the grid adds 7 at most."""


class Block(nn.Module):
    """Two convolutions whose outcome is added to what they were given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """[n, width, h, w] -> the same shape."""
        changed: Tensor = self.second(torch.relu(self.first(features)))
        return features + changed


def blocks(width: int) -> nn.Sequential:
    """The blocks of one level."""
    return nn.Sequential(*(Block(width) for _ in range(BLOCKS)))


class Denoiser(nn.Module):
    """[n, 3, h, w] pictures in 0..1 and [n] strengths in 0..1 -> clean pictures [n, 3, h, w]; sides a multiple of 8."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = WIDTHS
        self.head = nn.Conv2d(3 * 4 + 1, half, 3, padding=1, bias=False)
        self.down_half, self.up_half = blocks(half), blocks(half)
        self.to_quarter = nn.Conv2d(half, quarter, 2, 2, bias=False)
        self.down_quarter, self.up_quarter = blocks(quarter), blocks(quarter)
        self.to_eighth = nn.Conv2d(quarter, eighth, 2, 2, bias=False)
        self.bottom = blocks(eighth)
        self.from_eighth = nn.ConvTranspose2d(eighth, quarter, 2, 2, bias=False)
        self.from_quarter = nn.ConvTranspose2d(quarter, half, 2, 2, bias=False)
        self.tail = nn.Conv2d(half, 3 * 4, 3, padding=1, bias=False)

    def forward(self, pictures: Tensor, strengths: Tensor) -> Tensor:
        """What is left when the network's idea of the damage is taken away; not clipped."""
        folded = nn.functional.pixel_unshuffle(pictures, 2)
        plane = strengths.reshape(-1, 1, 1, 1).expand(-1, 1, *folded.shape[2:])
        start = self.head(torch.cat((folded, plane), 1))
        half = self.down_half(start)
        quarter = self.down_quarter(self.to_quarter(half))
        eighth = self.bottom(self.to_eighth(quarter))
        features = self.up_quarter(self.from_eighth(eighth) + quarter)
        features = self.up_half(self.from_quarter(features) + half)
        return pictures - nn.functional.pixel_shuffle(self.tail(features + start), 2)
