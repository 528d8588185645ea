"""Two towers of the toy encoder that know nothing of each other, and a text tower that can be trained."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from indexer.encoders.adapters import Adapters, merge
from indexer.encoders.headed import Tokenize
from indexer.encoders.heads import Head, Shared
from indexer.types import Floats, Pixels
from tests.toys import ToyEncoder

WORDS = 97


class ToyTowers:
    """Pictures by the toy encoder; texts by a small trainable network over hashed words."""

    name = "toy"
    fingerprint = text_fingerprint = hashlib.sha256(b"toy towers").hexdigest()
    dimension = text_dimension = 16
    picture_size = 64
    any_size, share = True, 0.75
    notice: str | None = None
    heads: Mapping[str, Head]

    def __init__(self, adapters: Adapters | None = None) -> None:
        self.heads = {"shared": Shared(16)}
        self.adapters = adapters or {}
        self.read = 0

    def prepare(self, image: Image.Image) -> Pixels:
        self.read += 1
        return ToyEncoder().prepare(image)

    def features(self, batch: Sequence[Pixels]) -> Floats:
        return ToyEncoder().encode_pictures(batch)

    def embed(self, texts: Sequence[str]) -> Floats:
        import torch

        module, tokenize = self.text_module()
        merge(module, self.adapters)
        with torch.inference_mode():
            embedded: Floats = module(*tokenize(texts)).numpy()
        return embedded

    def tuned(self, adapters: Adapters, digest: str) -> "ToyTowers":
        return ToyTowers(adapters)

    def text_module(self) -> tuple[Any, Tokenize]:
        import torch

        torch.manual_seed(7)

        class Texts(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.words = torch.nn.EmbeddingBag(WORDS, 24, mode="mean")
                self.map = torch.nn.Sequential(torch.nn.Linear(24, 24), torch.nn.GELU(), torch.nn.Linear(24, 16))

            def forward(self, numbers: torch.Tensor) -> torch.Tensor:
                return torch.nn.functional.normalize(self.map(self.words(numbers)), dim=1)

        return Texts().eval(), lambda texts: (torch.from_numpy(_numbers(texts)),)

    def picture_module(self) -> Any:
        import torch

        torch.manual_seed(11)
        layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 4, stride=4),
            torch.nn.GELU(),
            torch.nn.Conv2d(8, 12, 1),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(12, 16),
        )
        return torch.nn.Sequential(layers).eval()


def _numbers(texts: Sequence[str]) -> Any:
    words = [[_number(word) for word in text.split()] or [0] for text in texts]
    longest = max(map(len, words))
    return np.array([(row * longest)[:longest] for row in words], np.int64)


def _number(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "little") % WORDS
