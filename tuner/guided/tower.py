"""An encoder's picture tower that has learned along with a guide, exported once for each guide."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock

from indexer.config import Settings
from indexer.database import disk_error
from indexer.encoders.graph import PictureGraph, convert
from indexer.encoders.headed import Towers
from indexer.types import Floats
from tuner.guided.guide import Seeing
from tuner.learn.omega import restore

FILE = "picture.xml"


def learned_tower(towers: Towers, omega: Mapping[str, Floats], digest: str, side: int, settings: Settings) -> Seeing:
    """The picture tower with what it has learned, which looks at pictures squeezed to `side` pixels a side.

    Exported below `settings.models` on first use (about 20 s). HomeError where it can't be written.
    """
    folder = settings.models / f"guide-{digest[:12]}"
    try:
        settings.models.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.models / f".{folder.name}.lock"):
            if not folder.is_dir():
                _export(towers, omega, side, folder)
    except OSError as error:
        raise disk_error(error, settings.models) from error
    graph = PictureGraph(folder / FILE, towers.dimension)
    return lambda rgb: graph.run([squeezed(rgb, side, towers.share)])[0]


def squeezed(rgb: Floats, side: int, share: float) -> Floats:
    """The middle of a picture [h, w, 3] in 0..1, a `share` of each side, -> planes [3, side, side], squeezed where it
    isn't square."""
    down, across = (round(length * (1 - share) / 2) for length in rgb.shape[:2])
    seen = rgb[down : rgb.shape[0] - down, across : rgb.shape[1] - across]
    way = cv2.INTER_AREA if min(seen.shape[:2]) >= side else cv2.INTER_LINEAR
    small = seen if seen.shape[:2] == (side, side) else cv2.resize(seen, (side, side), interpolation=way)
    return np.ascontiguousarray(np.moveaxis(small, 2, 0), np.float32)


def _export(towers: Towers, omega: Mapping[str, Floats], side: int, folder: Path) -> None:
    import openvino
    import torch

    module = restore(towers.picture_module(), omega)
    graph = convert(module, torch.zeros(1, 3, side, side))
    graph.reshape([1, 3, side, side])
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    openvino.save_model(graph, draft / FILE, compress_to_fp16=False)
    draft.rename(folder)
