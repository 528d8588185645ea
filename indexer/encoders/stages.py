"""The embedded picture tower as a torch module whose stages can be read and differentiated through."""

from typing import TYPE_CHECKING

from indexer.encoders.export import picture_network, staged
from indexer.encoders.towers import MEAN, SCALE

if TYPE_CHECKING:
    import torch

STAGES = 8
"""The stem, and the seven stages of blocks after it."""


def load_stages() -> "torch.nn.Module":
    """EfficientNet-Lite2 up to its last stage of blocks, frozen, in evaluation mode.

    Its forward takes pictures [n, 3, h, w], float in 0..1 of gamma-encoded sRGB, of any h and w from 32 on, and gives
    a list of eight maps: of the stem, and of each stage of blocks, with 32, 16, 24, 48, 88, 120, 208 and 352 channels
    at 1/2, 1/2, 1/4, 1/8, 1/16, 1/16, 1/32 and 1/32 of the size; of them only the first `depth` where a second argument
    says so, which saves the time of the others. Gradients flow to the pictures, not to the weights.
    Raises DependencyError where the extra `embedded` isn't installed, EncoderError where its weights don't fit.
    """
    model, _ = picture_network()
    import torch

    class Stages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = torch.nn.Sequential(model.conv_stem, model.bn1)
            self.blocks = model.blocks

        def forward(self, pictures: torch.Tensor, depth: int = STAGES) -> list[torch.Tensor]:
            maps = [self.stem((pictures * 255 - MEAN) / SCALE)]
            for stage in self.blocks[: depth - 1]:
                maps.append(stage(maps[-1]))
            return maps

    return Stages().eval().requires_grad_(False)


def feature_module() -> "torch.nn.Module":
    """The embedded picture tower as a module to be trained: pictures [n, 3, s, s], float in 0..1 of gamma-encoded sRGB,
    of any s from 32 on -> its features [n, 5312]. Errors as those of `load_stages`."""
    model, _ = picture_network()
    import torch

    model.classifier = torch.nn.Identity()  # features are read before it

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = staged(model)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = self.network((pictures * 255 - MEAN) / SCALE)
            return features

    return Features().eval()
