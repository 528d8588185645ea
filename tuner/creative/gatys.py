"""Neural style transfer by optimisation: arg min alpha L_content + beta L_style (Gatys, Ecker and Bethge 2016)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from indexer.types import Floats
from tuner.creative.carry import carried
from tuner.creative.transport import fitted, resized
from tuner.work import Work

if TYPE_CHECKING:
    import torch

FAST_SIZE, FAST_STEPS = 192, 32
"""Of the fast method: pixels on the longer side, and steps."""
SETTLING = 0.7
"""By what part steps become shorter."""
SMALLEST = 32
"""Pixels on a side that the networks need."""


@dataclass(frozen=True)
class Features:
    """What a picture is compared by."""

    name: str
    maps: Callable[["torch.Tensor"], "tuple[list[torch.Tensor], torch.Tensor]"]
    """Pictures [n, 3, h, w] in 0..1 -> maps whose Gram matrices are the style, and the map that is the content."""


@lru_cache(maxsize=1)
def load_features(vgg19: Path | None) -> Features:
    """VGG-19 from a file of torchvision's weights, or the embedded encoder's tower where that is None.

    It is kept for the next picture, since reading it takes seconds. DependencyError where the tower's packages are
    missing.
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

    with torch.device("meta"):  # its weights come from the file, and four fifths of them aren't needed
        network = torchvision.models.vgg19(weights=None).features[:29]
    weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    network.load_state_dict({name: weights[f"features.{name}"] for name in network.state_dict()}, assign=True)
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


@dataclass(frozen=True)
class Recipe:
    """What is asked of the optimisation."""

    alpha: float = 1.0
    """Weight of the content."""
    beta: float = 30.0
    """Weight of the style."""
    steps: int = 200
    """Of the optimiser, over all sizes."""
    smooth: float = 0.1
    """Weight of the variation from pixel to pixel, beside the style's."""
    rate: float = 0.016
    """How far a step of Adam goes, in parts of the range of values."""


class Objective:
    """Content and style loss against one content picture and one style picture.

    Both are relative, so that one alpha and beta fit any features and pictures: the content loss is 1 where the
    outcome's map is off by as much as it varies, the style loss where the Gram matrices are off by their own norm.
    """

    def __init__(self, features: Features, content: Floats, style: Floats) -> None:
        import torch

        content, style = (_large_enough(one) for one in (content, style))
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


def restyled(
    content: Floats, style: Floats, start: Floats, features: Features, recipe: Recipe, work: Work, seconds: float = 0
) -> Floats:
    """The picture [h, w, 3] near `start` that has the content of one and the style of the other, of content's size.

    Coarse to fine: most steps are taken on small copies. With `seconds`, each size gets as much of them as its
    share of the steps would take, measured by this thread's own time, which is how methods are compared.
    """
    sizes = _sizes(max(content.shape[:2]))
    shares = np.array([1.6, 1.3, 1.0][-len(sizes) :])
    shares /= shares.sum()
    spans = shares * np.square(sizes)  # a step takes as long as there are pixels
    spans *= seconds / spans.sum()
    outcome, before = start, 0
    for size, share, span in zip(sizes, shares, spans, strict=True):
        base = fitted(start, size)
        objective = Objective(features, fitted(content, size), fitted(style, size))
        given = base + resized(outcome - fitted(start, max(outcome.shape[:2])), base)
        steps = max(1, round(recipe.steps * share))
        progress = _progress(recipe, before, steps, float(span), f"style at {size} px", work)
        outcome, taken = _descended(objective, np.clip(given, 0, 1), recipe, progress)
        before += taken
    return outcome


def quickly_restyled(
    content: Floats, style: Floats, start: Floats, features: Features, recipe: Recipe, work: Work
) -> Floats:
    """The same by FAST_STEPS on a copy of FAST_SIZE; what the start has that is finer is kept."""
    size = min(FAST_SIZE, max(content.shape[:2]))
    begun = fitted(start, size)
    quick = replace(recipe, steps=min(FAST_STEPS, recipe.steps))
    return carried(start, begun, restyled(fitted(content, size), style, begun, features, quick, work), 1)


def _progress(recipe: Recipe, before: int, steps: int, seconds: float, what: str, work: Work) -> Callable[[int], float]:
    """How much of the steps or seconds of one size is over, 1 at the end; it reports on the way."""
    started = time.thread_time()

    def progress(taken: int) -> float:
        work.step(min(before + taken, recipe.steps), recipe.steps, what)
        return (time.thread_time() - started) / seconds if seconds else taken / steps

    return progress


def _sizes(longest: int) -> list[int]:
    """Longer sides, coarse to fine."""
    return [size for size in (longest // 4, longest // 2) if size >= 64] + [longest]


def _descended(
    objective: Objective, start: Floats, recipe: Recipe, progress: Callable[[int], float]
) -> tuple[Floats, int]:
    """The picture [h, w, 3] that Adam comes to from another, and the steps taken.

    What is changed are the bands of a Laplacian pyramid and not the pixels: coarse shapes and colours then move as
    quickly as fine ones (Kolkin et al. 2019), and the fine ones grow less noise.
    Steps become shorter on the way, which settles what the first ones stirred up.
    """
    import torch

    bands = [band.requires_grad_(True) for band in _bands(to_tensor(_large_enough(start)))]
    rates = [recipe.rate * share for share in (0.5, 0.8, *[1.0] * len(bands))]
    descent = torch.optim.Adam([{"params": [band], "lr": rate} for band, rate in zip(bands, rates, strict=False)])
    taken = 0
    while (done := progress(taken)) < 1:
        for group, rate in zip(descent.param_groups, rates, strict=False):
            group["lr"] = rate * (1 - SETTLING * done)
        descent.zero_grad()
        made = _joined(bands)
        content, style = objective.losses(made)
        beyond = (made - made.clamp(0, 1)).square().mean()
        loss = recipe.alpha * content + recipe.beta * (style + recipe.smooth * _variation(made)) + 100 * beyond
        torch.autograd.backward(loss)
        descent.step()
        taken += 1
    return to_array(_joined(bands)[..., : start.shape[0], : start.shape[1]]), taken


def _large_enough(picture: Floats) -> Floats:
    """With its edge repeated below and to the right where the networks need more pixels."""
    down, across = (max(0, SMALLEST - side) for side in picture.shape[:2])
    if not (down or across):
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, down, 0, across, cv2.BORDER_REPLICATE), np.float32)


def _bands(picture: "torch.Tensor") -> "list[torch.Tensor]":
    """Laplacian pyramid of [1, 3, h, w]: differences from fine to coarse, then what is left."""
    import torch
    import torch.nn.functional as functional

    bands: list[torch.Tensor] = []
    while min(picture.shape[2:]) >= 16 and len(bands) < 5:
        smaller = functional.interpolate(picture, scale_factor=0.5, mode="area")
        bands.append(picture - functional.interpolate(smaller, size=picture.shape[2:], mode="bilinear"))
        picture = smaller
    return [*bands, picture.clone()]


def _joined(bands: "list[torch.Tensor]") -> "torch.Tensor":
    """The picture whose pyramid it is."""
    import torch.nn.functional as functional

    picture = bands[-1]
    for band in bands[-2::-1]:
        picture = band + functional.interpolate(picture, size=band.shape[2:], mode="bilinear")
    return picture


def _variation(picture: "torch.Tensor") -> "torch.Tensor":
    """Total variation, squared: mean over the pixels (Johnson et al. 2016)."""
    down = picture[..., 1:, :] - picture[..., :-1, :]
    across = picture[..., 1:] - picture[..., :-1]
    return down.square().mean() + across.square().mean()


def to_tensor(picture: Floats) -> "torch.Tensor":
    """[h, w, 3] -> [1, 3, h, w]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def to_array(picture: "torch.Tensor") -> Floats:
    """[1, 3, h, w] -> [h, w, 3] in 0..1."""
    outcome: Floats = picture.detach()[0].clamp(0, 1).permute(1, 2, 0).contiguous().numpy()
    return outcome
