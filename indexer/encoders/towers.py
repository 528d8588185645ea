"""The embedded encoder's locked towers as OpenVINO runs them; neither torch nor timm nor transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.encoders.graph import PictureGraph, compile_graph, damaged, needed
from indexer.types import Floats, Pixels

RESIZE, CROP = 292, 260
"""Shorter side after resizing and side of the centre crop, in pixels: EfficientNet-Lite2's own."""
MEAN, SCALE = 127.0, 128.0
"""Pixel values 0..255 become (x - 127) / 128, inside the graph."""
MAX_TOKENS = 256


def crop(image: Image.Image) -> Pixels:
    """RGB picture of any size -> uint8 [260, 260, 3]: shorter side to 292 (bicubic), centre crop.

    Only the cropped part is resized, which gives the same pixels as resizing all in 0.6 of the time.
    """
    width, height = image.size
    scale = RESIZE / min(width, height)
    wide, high = round(width * scale), round(height * scale)
    left, top = (wide - CROP) // 2, (high - CROP) // 2
    across, down = width / wide, height / high
    box = (left * across, top * down, (left + CROP) * across, (top + CROP) * down)
    return np.asarray(image.resize((CROP, CROP), Image.Resampling.BICUBIC, box=box))


class PictureTower:
    """EfficientNet-Lite2 (Tan & Le 2019; ImageNet-1k), as means over the picture's places: of the widest layer
    of its last five stages, from textures to parts, and then of the 1,280 channels that its classifier reads."""

    FILE = "picture.xml"
    DIMENSION = 288 + 528 + 720 + 1248 + 1248 + 1280

    def __init__(self, folder: Path) -> None:
        """`folder` holds an export. It is read on first use."""
        self._graph = PictureGraph(folder / self.FILE, self.DIMENSION)

    def features(self, batch: Sequence[Pixels]) -> Floats:
        """n pictures uint8 [260, 260, 3] -> features [n, 5312], not normalised."""
        return self._graph.run(batch)


class TextTower:
    """all-MiniLM-L6-v2 sentence embeddings (Reimers & Gurevych 2019; Wang et al. 2020)."""

    FILE = "text.xml"
    DIMENSION = 384
    BATCH = 32

    def __init__(self, folder: Path) -> None:
        self._model = compile_graph(folder / self.FILE, "LATENCY").create_infer_request()
        self._tokenizer = tokenizer(folder / "tokenizer.json")

    def embed(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, 384]; what is beyond 256 tokens is left out."""
        embeddings = np.empty((len(texts), self.DIMENSION), np.float32)
        by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # little padding
        for start in range(0, len(texts), self.BATCH):
            rows = by_length[start : start + self.BATCH]
            encoded = self._tokenizer.encode_batch([texts[row] for row in rows])
            tokens = np.array([item.ids for item in encoded], np.int64)
            mask = np.array([item.attention_mask for item in encoded], np.int64)
            embeddings[rows] = self._model.infer([tokens, mask])[0]
        return embeddings


def tokenizer(path: Path) -> Any:
    """The tokenizer of a tokenizer.json, cutting at 256 tokens and padding to the longest of a batch."""
    tokenizers = needed("tokenizers")
    try:
        read = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise damaged(path.parent) from error
    read.enable_truncation(MAX_TOKENS)
    read.enable_padding()
    return read
