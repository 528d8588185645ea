"""An encoder made of two towers and the heads above them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from PIL import Image

from indexer.encoders.adapters import Adapters
from indexer.encoders.blend import Blend
from indexer.encoders.heads import ConSE, Head
from indexer.types import Floats

Tokenize = Callable[[Sequence[str]], tuple[Any, ...]]
"""Texts -> the tensors that a text tower's torch module is called with, padded to one length."""


class Towers(Protocol):
    """A locked picture tower and a text tower, whose outputs need not be of one space."""

    name: str
    """The encoder that they are of: `embedded`, `clip:...`."""
    fingerprint: str
    """Hex digest of the picture tower's weights and preprocessing."""
    text_fingerprint: str
    """Hex digest of the text tower's weights."""
    dimension: int
    """Columns of the features."""
    text_dimension: int
    """Columns of the text embeddings."""
    picture_size: int
    any_size: bool
    """Whether `picture_module` takes pictures of other sizes too."""
    share: float
    """Part of a square picture's sides that `prepare` looks at, in the middle."""
    notice: str | None
    heads: Mapping[str, Head]
    """What can be had of them without training, by name."""

    def prepare(self, image: Image.Image) -> Any:
        """RGB picture -> what `features` reads."""

    def features(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension]."""

    def embed(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, text_dimension]."""

    def tuned(self, adapters: Adapters, digest: str) -> "Towers":
        """The same with adapters on the text tower; `digest` names them."""

    def text_module(self) -> tuple[Any, Tokenize]:
        """The text tower as a torch module, tensors of `Tokenize` -> unit-norm [n, text_dimension], to train."""

    def picture_module(self) -> Any:
        """A copy of the picture tower as a torch module, to train: float pictures [n, 3, s, s] in 0..1, gamma-encoded
        sRGB, -> features [n, dimension]. `s` is `picture_size`, or any from 32 on where `any_size`."""


class HeadedEncoder:
    """Each head fills one block of the vector; the blend says how much they count."""

    def __init__(
        self, name: str, towers: Towers, heads: Mapping[str, Head], blend: Blend | None = None, digest: str = ""
    ) -> None:
        """`heads` and `blend` have the same names; `digest` tells apart what was trained."""
        self.name, self.towers, self.heads = name, towers, heads
        self.blend = blend or Blend.even([*heads])
        self.picture_size, self.notice = towers.picture_size, towers.notice
        self.dimension = sum(head.dimension for head in heads.values())
        recipe: list[Any] = [towers.fingerprint, towers.text_fingerprint, digest]
        shares = asdict(self.blend).values()
        recipe += [[name, head.recipe, *(share[name] for share in shares)] for name, head in heads.items()]
        self.fingerprint = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        self.tower = LockedTower(self)

    def prepare(self, image: Image.Image) -> Any:
        """RGB picture of any size -> the array that the picture tower reads."""
        return self.towers.prepare(image)

    def encode_pictures(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> unit-norm [n, dimension]."""
        return self.project(self.tower.features(batch))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, dimension]."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return self.project_texts(self.towers.embed(texts), texts)

    def project_texts(self, embeddings: Floats, texts: Sequence[str]) -> Floats:
        """The text tower's embeddings [n, t] of n texts -> unit-norm [n, dimension], through every head."""
        return self.blend.join_texts({name: head.texts(embeddings) for name, head in self.heads.items()}, texts)

    def class_probabilities(self, features: Floats) -> Floats | None:
        """Features [n, f] -> [n, 1000]: softmax over the classes of ImageNet-1k, where a head knows them."""
        head = next((head for head in self.towers.heads.values() if isinstance(head, ConSE)), None)
        return None if head is None else head.softmax(features)

    def project(self, features: Floats) -> Floats:
        """Features [n, f] -> unit-norm [n, dimension], through every head."""
        return self.blend.join_pictures({name: head.pictures(features) for name, head in self.heads.items()})


class LockedTower:
    """The picture tower of an encoder, as whoever keeps its features sees it."""

    def __init__(self, encoder: HeadedEncoder) -> None:
        self._encoder = encoder
        self.fingerprint, self.dimension = encoder.towers.fingerprint, encoder.towers.dimension

    def features(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension], rounded to half precision, as they are kept."""
        if not len(batch):
            return np.zeros((0, self.dimension), np.float32)
        return self._encoder.towers.features(batch).astype(np.float16).astype(np.float32)

    def project(self, features: Floats) -> Floats:
        """Features [n, dimension] -> the encoder's unit-norm vectors."""
        return self._encoder.project(features)
