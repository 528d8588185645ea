"""The `embedded` encoder: works with no network, from weights inside registry packages."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from indexer.config import Settings
from indexer.encoders.export import exported_towers
from indexer.encoders.graph import damaged
from indexer.encoders.heads import join, load_heads
from indexer.encoders.towers import CROP, MEAN, RESIZE, SCALE, PictureTower, TextTower, crop
from indexer.models import EMBEDDED_NOTICE
from indexer.types import Floats, Pixels, Tower


class EmbeddedEncoder:
    """EfficientNet-Lite2 and MiniLM, joined by heads. The towers are loaded on first use, so that a text
    query never waits for the picture tower."""

    name = "embedded"
    picture_size = RESIZE
    notice: str | None = EMBEDDED_NOTICE
    tower: Tower | None = None

    def __init__(self, folder: Path) -> None:
        """`folder` holds an export (indexer.encoders.export). Raises EncoderError when it is damaged."""
        self.folder = folder
        try:
            weights = json.loads((folder / "export.json").read_text())["weights"]
            self.heads = load_heads(folder / "heads.npz")
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise damaged(folder) from error
        self._weights = [head.weight for head in self.heads]
        self.dimension = sum(head.dimension for head in self.heads)
        recipe = [*weights, RESIZE, CROP, MEAN, SCALE, *(head.recipe for head in self.heads)]
        self.fingerprint = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()

    def prepare(self, image: Image.Image) -> Pixels:
        """RGB picture of any size -> uint8 [260, 260, 3]."""
        return crop(image)

    def encode_pictures(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> unit-norm [n, dimension]."""
        return self.join_pictures(self.features(batch))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, dimension]."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return self.join_texts(self.text_tower.embed(texts))

    def features(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> the picture tower's pooled features [n, 1280]."""
        return self.picture_tower.features(batch)

    def join_pictures(self, features: Floats) -> Floats:
        """Pooled features [n, 1280] -> unit-norm [n, dimension], through every head."""
        return join([head.pictures(features) for head in self.heads], self._weights)

    def join_texts(self, embeddings: Floats) -> Floats:
        """Sentence embeddings [n, 384] -> unit-norm [n, dimension], through every head."""
        return join([head.texts(embeddings) for head in self.heads], self._weights)

    @cached_property
    def picture_tower(self) -> PictureTower:
        """EfficientNet-Lite2, loaded on first use."""
        return PictureTower(self.folder)

    @cached_property
    def text_tower(self) -> TextTower:
        """MiniLM, loaded on first use."""
        return TextTower(self.folder)


def load(name: str, settings: Settings) -> EmbeddedEncoder:
    """The embedded encoder, its towers exported below `settings.models` on first use."""
    return EmbeddedEncoder(exported_towers(settings.models))
