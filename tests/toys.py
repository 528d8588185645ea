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
        vector = np.frombuffer(digest[: self.dimension], np.uint8).astype(np.float32) / 255 * 0.01
        for word in re.findall(r"[a-z]+", text.lower()):
            if word in COLOURS:
                vector[_NAMES.index(word)] += 1
        return vector


def _unit(vectors: Floats) -> Floats:
    unit: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def picture(colour: str, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A plain RGB picture of a named colour."""
    return Image.new("RGB", size, COLOURS[colour])
