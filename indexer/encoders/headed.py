"""An encoder made of two towers and the heads above them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from indexer.encoders.adapters import Adapters
from indexer.encoders.heads import Head, join
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


class HeadedEncoder:
    """Each head fills one block of the vector; their weights are the blocks' shares."""

    def __init__(
        self, name: str, towers: Towers, heads: Mapping[str, Head], weights: Mapping[str, float], digest: str = ""
    ) -> None:
        """`heads` and `weights` have the same names; `digest` tells apart what was trained."""
        self.name, self.towers, self.heads = name, towers, heads
        self.picture_size, self.notice = towers.picture_size, towers.notice
        self.dimension = sum(head.dimension for head in heads.values())
        self.weights = [weights[block] for block in heads]
        recipe = [towers.fingerprint, towers.text_fingerprint, digest, self.weights]
        recipe += [head.recipe for head in heads.values()]
        self.fingerprint = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        self.tower = LockedTower(self)

    def prepare(self, image: Image.Image) -> Any:
        """RGB picture of any size -> the array that the picture tower reads."""
        return self.towers.prepare(image)

    def encode_pictures(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> unit-norm [n, dimension]."""
        return self.tower.project(self.tower.features(batch))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, dimension]."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return self.join_texts(self.towers.embed(texts))

    def join_pictures(self, features: Floats) -> Floats:
        """Features [n, f] -> unit-norm [n, dimension], through every head."""
        return join([head.pictures(features) for head in self.heads.values()], self.weights)

    def join_texts(self, embeddings: Floats) -> Floats:
        """Text embeddings [n, t] -> unit-norm [n, dimension], through every head."""
        return join([head.texts(embeddings) for head in self.heads.values()], self.weights)


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
        return self._encoder.join_pictures(features)
