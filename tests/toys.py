"""A tiny deterministic encoder: pictures by their colours, texts by the colours they name."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from indexer.types import Floats, Pixels, Tower

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 170, 50),
    "blue": (30, 60, 210),
    "yellow": (240, 220, 40),
    "orange": (245, 140, 30),
    "purple": (130, 40, 160),
    "pink": (250, 150, 190),
    "brown": (120, 75, 40),
    "cyan": (40, 210, 220),
    "magenta": (220, 40, 210),
    "olive": (120, 130, 30),
    "navy": (15, 20, 90),
    "teal": (20, 120, 120),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
}
"""The named colours; each is one dimension of the toy space."""

_PALETTE = np.array(list(COLOURS.values()), dtype=np.float32)
_NAMES = list(COLOURS)


class ToyEncoder:
    """A picture is the soft histogram of its pixels over sixteen named colours; a text is the mean of
    the colours it names, plus a little of its own hash so that any two texts differ."""

    name = "toy"
    fingerprint = hashlib.sha256(b"toy 1").hexdigest()
    dimension = len(COLOURS)
    picture_size = 64
    notice: str | None = None
    tower: Tower | None = None

    def prepare(self, image: Image.Image) -> Pixels:
        """RGB picture -> uint8 [16, 16, 3]."""
        return np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX), dtype=np.uint8)

    def encode_pictures(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> unit-norm [n, 16]."""
        if not len(batch):
            return np.zeros((0, self.dimension), np.float32)
        pixels = np.stack(list(batch)).reshape(len(batch), -1, 1, 3).astype(np.float32)
        distance = ((pixels - _PALETTE) ** 2).sum(-1)
        weights = np.exp(-(distance - distance.min(-1, keepdims=True)) / 2_000)
        return _unit((weights / weights.sum(-1, keepdims=True)).mean(1))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, 16]."""
        if not len(texts):
            return np.zeros((0, self.dimension), np.float32)
        return _unit(np.stack([self._text(text) for text in texts]))

    def _text(self, text: str) -> Floats:
        digest = hashlib.sha256(text.encode()).digest()
        vector = np.frombuffer(digest[: len(COLOURS)], np.uint8).astype(np.float32) / 255 * 0.01
        for word in re.findall(r"[a-z]+", text.lower()):
            if word in COLOURS:
                vector[_NAMES.index(word)] += 1
        return vector


class ToyTower:
    """The toy's histograms, which heads project."""

    fingerprint = hashlib.sha256(b"toy tower 1").hexdigest()
    dimension = len(COLOURS)

    def __init__(self, matrix: Floats) -> None:
        """`matrix` [16, d] is the head's."""
        self.matrix, self.read = matrix, 0

    def features(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> [n, 16], rounded to half precision."""
        self.read += len(batch)
        return ToyEncoder().encode_pictures(batch).astype(np.float16).astype(np.float32)

    def project(self, features: Floats) -> Floats:
        """[n, 16] -> unit-norm [n, d]."""
        # In double precision, so that not even the last bit depends on how many are projected at a time.
        return _unit(features.astype(np.float64) @ self.matrix.astype(np.float64))


class HeadedToy(ToyEncoder):
    """The toy below a head of its own: `head:A` and `head:B` are different fixed projections, of 16 and 12 numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fingerprint = hashlib.sha256(name.encode()).hexdigest()
        random = np.random.default_rng(list(name.encode()))
        self.dimension = 12 if name.endswith("B") else 16
        square = np.linalg.qr(random.standard_normal((16, 16)))[0].astype(np.float32)
        self.matrix: Floats = np.ascontiguousarray(square[:, : self.dimension])
        self.tower = ToyTower(self.matrix)

    def encode_pictures(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> unit-norm [n, dimension]."""
        assert self.tower is not None
        return self.tower.project(self.tower.features(batch))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, dimension]."""
        return _unit(super().encode_texts(texts) @ self.matrix)


def any_toy(name: str, _settings: object = None) -> ToyEncoder:
    """A loader: `toy`, `head:A`, `head:B`, or `other`, a plain encoder of 12 numbers in which colours lie otherwise."""
    if name.startswith("head:"):
        return HeadedToy(name)
    if name == "other":
        return OtherToy()
    return ToyEncoder()


class OtherToy(HeadedToy):
    """No relation of the toy as far as anyone can tell: another space, another dimension, no tower."""

    def __init__(self) -> None:
        super().__init__("other B")
        self.name, self._tower, self.tower = "other", self.tower, None

    def encode_pictures(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> unit-norm [n, 12]."""
        assert self._tower is not None
        return self._tower.project(self._tower.features(batch))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def picture(colour: str, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A plain RGB picture of a named colour."""
    return Image.new("RGB", size, COLOURS[colour])
