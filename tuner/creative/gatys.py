"""Neural style transfer by optimisation: arg min alpha L_content + beta L_style (Gatys, Ecker and Bethge 2016)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.types import Floats

if TYPE_CHECKING:
    import torch

SMALLEST = 32
"""Pixels on a side that the networks need."""


@dataclass(frozen=True)
class Features:
    """What a picture is compared by."""

    name: str
    maps: Callable[["torch.Tensor"], "tuple[list[torch.Tensor], torch.Tensor]"]
    """Pictures [n, 3, h, w] in 0..1 -> maps whose Gram matrices are the style, and the map that is the content."""


def load_features(vgg19: Path | None) -> Features:
    """VGG-19 from a file of torchvision's weights, or the embedded encoder's tower where that is None.

    DependencyError where the tower's packages are missing.
    """
    return _vgg_features(vgg19) if vgg19 is not None else _tower_features()


def _tower_features() -> Features:
    """Style by the stem and the first five stages, content by the third: found by looking at outcomes."""
    from indexer.encoders.stages import load_stages

    stages = load_stages()

    def maps(pictures: "torch.Tensor") -> "tuple[list[torch.Tensor], torch.Tensor]":
        found = stages(pictures, 6)
        return found, found[3]

    return Features("EfficientNet-Lite2", maps)


def _vgg_features(path: Path) -> Features:
    """The layers of the paper: style by conv1_1 .. conv5_1, content by conv4_2, means in place of maxima."""
    import torch
    import torchvision

    network = torchvision.models.vgg19(weights=None).features[:29]
    weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    own = {name: weights[f"features.{name}"] for name in network.state_dict()}
    network.load_state_dict(own)
    network.eval().requires_grad_(False)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def maps(pictures: "torch.Tensor") -> "tuple[list[torch.Tensor], torch.Tensor]":
        found, state = {}, (pictures - mean) / deviation
        for place, layer in enumerate(network):
            if isinstance(layer, torch.nn.MaxPool2d):
                state = torch.nn.functional.avg_pool2d(state, 2, ceil_mode=True)
            else:
                state = torch.nn.functional.relu(state) if isinstance(layer, torch.nn.ReLU) else layer(state)
            found[place] = state
        return [found[place] for place in (1, 6, 11, 20)] + [found[28]], found[22]

    return Features("VGG-19", maps)


class Objective:
    """Content and style loss against one content picture and one style picture.

    Both are relative, so that one alpha and beta fit any features and pictures: the content loss is 1 where the
    outcome's map is off by as much as it varies, the style loss where the Gram matrices are off by their own norm.
    """

    def __init__(self, features: Features, content: Floats, style: Floats) -> None:
        import torch

        self._features = features
        with torch.no_grad():
            self._content = features.maps(to_tensor(content))[1]
            self._variance = self._content.var() + 1e-6
            self._grams = [gram(one) for one in features.maps(to_tensor(style))[0]]

    def losses(self, picture: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Content and style loss of one picture [1, 3, h, w]."""
        import torch

        maps, content = self._features.maps(picture)
        style = torch.stack(
            [
                (gram(one) - wanted).square().sum() / wanted.square().sum()
                for one, wanted in zip(maps, self._grams, strict=True)
            ]
        )
        return (content - self._content).square().mean() / self._variance, style.mean()


def gram(found: "torch.Tensor") -> "torch.Tensor":
    """[1, channels, h, w] -> mean products of channels [channels, channels]."""
    flat = found.flatten(2)[0]
    return flat @ flat.T / flat.shape[1]


def to_tensor(picture: Floats) -> "torch.Tensor":
    """[h, w, 3] -> [1, 3, h, w]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def to_array(picture: "torch.Tensor") -> Floats:
    """[1, 3, h, w] -> [h, w, 3] in 0..1."""
    outcome: Floats = picture.detach()[0].clamp(0, 1).permute(1, 2, 0).contiguous().numpy()
    return outcome
