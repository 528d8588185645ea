"""The `embedded` encoder: works with no network, from weights inside registry packages and heads that ship here."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from indexer.config import Settings
from indexer.encoders.adapters import Adapters
from indexer.encoders.checkpoint import Checkpoint, headed
from indexer.encoders.export import exported_picture_tower, exported_text_tower
from indexer.encoders.graph import damaged
from indexer.encoders.headed import HeadedEncoder, Tokenize
from indexer.encoders.heads import ConSE, Head, Visual
from indexer.encoders.minilm import sentence_module, tokenize
from indexer.encoders.stages import feature_module
from indexer.encoders.towers import CROP, MEAN, RESIZE, SCALE, PictureTower, TextTower, crop
from indexer.models import EMBEDDED_NOTICE
from indexer.types import Floats, Pixels

HEADS = Path(__file__).parent / "embedded_heads"
"""The trained heads that ship: a checkpoint as `pixloom train lit` writes it."""


class EmbeddedTowers:
    """EfficientNet-Lite2 and MiniLM. Each is loaded on first use, so that a text query never waits for the
    picture tower."""

    name = "embedded"
    picture_size = RESIZE
    any_size = True
    share = CROP / RESIZE
    notice: str | None = EMBEDDED_NOTICE
    dimension = PictureTower.DIMENSION
    text_dimension = TextTower.DIMENSION

    def __init__(self, models: Path, adapters: Adapters | None = None, digest: str = "") -> None:
        """The towers as exported below `models`, at once where they aren't yet; `adapters` tune the text tower.

        Raises EncoderError when an export is damaged, and what the export raises.
        """
        self.models = models
        self.picture_folder = exported_picture_tower(models)
        self.text_folder = exported_text_tower(models, adapters, digest)
        recipe = [_weights(self.picture_folder), RESIZE, CROP, MEAN, SCALE, self.dimension]
        self.fingerprint = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        self.text_fingerprint = _weights(self.text_folder) + digest

    @cached_property
    def heads(self) -> dict[str, Head]:
        """ConSE, from the classes' names, and what pictures look like."""
        try:
            with np.load(self.picture_folder / "tables.npz") as tables:
                classifier, bias, basis = tables["classifier"], tables["bias"], tables["basis"]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise damaged(self.picture_folder) from error
        try:
            classes = np.load(self.text_folder / "classes.npy")
        except (OSError, ValueError) as error:
            raise damaged(self.text_folder) from error
        return {"conse": ConSE(classifier, bias, classes), "visual": Visual(basis)}

    def prepare(self, image: Image.Image) -> Pixels:
        """RGB picture of any size -> uint8 [260, 260, 3]."""
        return crop(image)

    def features(self, batch: Sequence[Pixels]) -> Floats:
        """n prepared pictures -> the picture tower's features [n, 5312]."""
        return self.picture_tower.features(batch)

    def embed(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm sentence embeddings [n, 384]."""
        return self.text_tower.embed(texts)

    def tuned(self, adapters: Adapters, digest: str) -> "EmbeddedTowers":
        """The same with adapters on the text tower, which is exported once for each digest."""
        return EmbeddedTowers(self.models, adapters, digest)

    def text_module(self) -> tuple[Any, Tokenize]:
        """MiniLM as a torch module, to be trained."""
        return sentence_module(), tokenize

    def picture_module(self) -> Any:
        """EfficientNet-Lite2 as a torch module, to be trained."""
        return feature_module()

    @cached_property
    def picture_tower(self) -> PictureTower:
        """EfficientNet-Lite2, loaded on first use."""
        return PictureTower(self.picture_folder)

    @cached_property
    def text_tower(self) -> TextTower:
        """MiniLM, loaded on first use."""
        return TextTower(self.text_folder)


def towers(_name: str, settings: Settings) -> EmbeddedTowers:
    """The towers without what was trained, to train on."""
    return EmbeddedTowers(settings.models)


def load(name: str, settings: Settings) -> HeadedEncoder:
    """The embedded encoder, its towers exported below `settings.models` on first use."""
    return headed(name, Checkpoint.read(HEADS), settings)


def _weights(folder: Path) -> str:
    try:
        return str(json.loads((folder / "export.json").read_text())["weights"])
    except (OSError, ValueError, KeyError) as error:
        raise damaged(folder) from error
