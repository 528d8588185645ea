"""One caller at a time: models are not made to be run by several threads at once."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from PIL import Image

from indexer.types import Encoder, Floats


class SerialEncoder:
    """An encoder that threads may share: a search waits while a batch is embedded, and the reverse."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._lock = encoder, Lock()
        self.name, self.fingerprint = encoder.name, encoder.fingerprint
        self.dimension, self.picture_size = encoder.dimension, encoder.picture_size
        self.notice = encoder.notice

    def prepare(self, image: Image.Image) -> Any:
        """As the encoder itself; needs no turn."""
        return self._encoder.prepare(image)

    def encode_pictures(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension], when it is this caller's turn."""
        with self._lock:
            return self._encoder.encode_pictures(batch)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> [n, dimension], when it is this caller's turn."""
        with self._lock:
            return self._encoder.encode_texts(texts)
