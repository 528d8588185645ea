"""Two heads that learn to make pictures and their captions meet: symmetric InfoNCE, as CLIP is trained
(Radford et al. 2021), over inputs that stay as they are."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from indexer.encoders.headed import Tokenize
from indexer.encoders.heads import Affine, LiT
from indexer.types import Floats, Ids
from search.metrics import recall_at_k

_CHUNK = 128
Encode = Callable[[Ids], Any]
"""Rows of captions -> text embeddings as a tensor [rows, t]."""


def make_heads(pictures: Floats, texts: Floats, dimension: int, dropout: tuple[float, float]) -> Any:
    """A torch module, `heads("picture" | "text", inputs)` -> unit-norm [n, dimension]: one affine map of each side
    over standardised inputs. `pictures` [n, f] and `texts` [m, t] are samples that say how inputs vary.

    `heads.scale` is the logarithm of the inverse temperature, learned too.
    """
    import torch

    class Heads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps, self.drops = torch.nn.ModuleDict(), torch.nn.ModuleDict()
            for side, sample, drop in zip(("picture", "text"), (pictures, texts), dropout, strict=True):
                self.maps[side] = torch.nn.Linear(sample.shape[1], dimension)
                self.drops[side] = torch.nn.Dropout(drop)
                self.register_buffer(f"{side}_mean", torch.from_numpy(sample.mean(axis=0)))
                self.register_buffer(f"{side}_deviation", torch.from_numpy(_deviation(sample)))
            self.scale = torch.nn.Parameter(torch.tensor(math.log(1 / 0.07)))

        def forward(self, side: str, inputs: torch.Tensor) -> torch.Tensor:
            even = (inputs - getattr(self, f"{side}_mean")) / getattr(self, f"{side}_deviation")
            return torch.nn.functional.normalize(self.maps[side](self.drops[side](even)), dim=1)

    return Heads()


def _deviation(sample: Floats) -> Floats:
    """Standard deviation of each column, but never so small that a column which hardly varies drowns the others."""
    deviation = sample.std(axis=0)
    floored: Floats = np.maximum(deviation, 0.01 * np.median(deviation) + 1e-6)
    return floored


def info_nce(heads: Any, pictures: Any, texts: Any, names: Ids) -> Any:
    """The loss of n pictures [n, f] and their captions [n, t]; captions of the same number in `names` [n] are the
    same words, and then both pictures are right answers."""
    import torch

    scores = heads.scale.exp().clamp(max=100) * heads("picture", pictures) @ heads("text", texts).T
    same = torch.from_numpy(names[:, None] == names).float().to(scores.device)
    right = same / same.sum(1, keepdim=True)
    return (torch.nn.functional.cross_entropy(scores, right) + torch.nn.functional.cross_entropy(scores.T, right)) / 2


def recalls(texts: Floats, pictures: Floats, owner: Ids) -> dict[str, float]:
    """recall@1, 5 and 10, both ways, of unit-norm texts [m, d] and pictures [n, d]; `owner` [m] is each text's
    picture."""
    scores, relevant = texts @ pictures.T, owner[:, None] == np.arange(len(pictures))
    ways = {"text_to_picture": (scores, relevant), "picture_to_text": (scores.T, relevant.T)}
    return {f"{way} recall@{k}": recall_at_k(s, r, k) for way, (s, r) in ways.items() for k in (1, 5, 10)}


def by_length(module: Any, tokenize: Tokenize, captions: Sequence[str], device: str) -> Encode:
    """Encoding by a text tower's module in chunks of like length, which saves a third: padding."""
    import torch

    def encode(rows: Ids) -> Any:
        order = np.argsort([len(captions[row]) for row in rows], kind="stable")
        chunks = [rows[order[start : start + _CHUNK]] for start in range(0, len(rows), _CHUNK)]
        tokens = (tokenize([captions[row] for row in chunk]) for chunk in chunks)
        embeddings = [module(*(tensor.to(device) for tensor in tensors)) for tensors in tokens]
        return torch.cat(embeddings)[torch.from_numpy(np.argsort(order)).to(device)]

    return encode


def folded(heads: Any) -> LiT:
    """The maps with the scaling of their inputs folded in."""
    maps = []
    for side in ("picture", "text"):
        weight = as_array(heads.maps[side].weight) / as_array(getattr(heads, f"{side}_deviation"))
        maps.append(Affine(weight, as_array(getattr(heads, f"{side}_mean")), as_array(heads.maps[side].bias)))
    return LiT(*maps)


def as_array(tensor: Any) -> Floats:
    """A copy of a tensor as float32."""
    array: Floats = tensor.detach().float().cpu().numpy().copy()
    return array
