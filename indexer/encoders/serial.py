"""One caller of each tower at a time: models are not made to be run by several threads at once."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from PIL import Image

from indexer.types import Encoder, Floats, Tower


class SerialTower:
    """A tower that takes turns with the pictures of the encoder it belongs to."""

    def __init__(self, tower: Tower, lock: Lock) -> None:
        self._tower, self._lock = tower, lock
        self.fingerprint, self.dimension = tower.fingerprint, tower.dimension

    def features(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension], when it is this caller's turn."""
        with self._lock:
            return self._tower.features(batch)

    def project(self, features: Floats) -> Floats:
        """As the tower itself; plain arithmetic needs no turn."""
        return self._tower.project(features)


class SerialEncoder:
    """An encoder that threads may share: pictures wait for pictures and texts for texts, but a search by text
    for no batch of pictures; that takes seconds, and an export (indexer.encoders.clip_export) longer."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._pictures, self._texts = encoder, Lock(), Lock()
        self.name, self.fingerprint = encoder.name, encoder.fingerprint
        self.dimension, self.picture_size = encoder.dimension, encoder.picture_size
        self.notice = encoder.notice
        self.tower: Tower | None = SerialTower(encoder.tower, self._pictures) if encoder.tower else None

    def prepare(self, image: Image.Image) -> Any:
        """As the encoder itself; needs no turn."""
        return self._encoder.prepare(image)

    def encode_pictures(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension], when it is this caller's turn."""
        with self._pictures:
            return self._encoder.encode_pictures(batch)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> [n, dimension], when it is this caller's turn."""
        with self._texts:
            return self._encoder.encode_texts(texts)

    def meanings(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, m] by the text tower alone, as it was before it was taught about pictures; by
        `encode_texts` where the two are one."""
        towers = getattr(self._encoder, "towers", None)
        if towers is None:
            return self.encode_texts(texts)
        with self._texts:
            embedded: Floats = towers.embed(texts)
        return embedded


def unwrapped(encoder: Encoder) -> Encoder:
    """The encoder itself, for arithmetic that needs no turn."""
    return encoder._encoder if isinstance(encoder, SerialEncoder) else encoder
