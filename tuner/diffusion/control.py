"""What a ControlNet is shown of a picture: its edges, or how near everything is."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tuner.raster import luminance, to_bytes
from tuner.work import Work

Control = Literal["edges", "depth"]

FAINTEST = 40.0
"""Least gradient of a strong edge, in grey levels of 255 by Sobel's operator, which gives four times the slope: below
it lies noise, of which a flat picture has nothing else."""
_METRIC = ("depth_pro", "glpn", "zoedepth")
"""Architectures that tell distances; the others tell how near things are, up to scale and shift."""


def control_map(kind: Control, rgb: Floats, work: Work, depth_model: Path | None = None) -> Floats:
    """[h, w, 3] in 0..1 -> what a ControlNet of that kind is shown, of the same shape, its channels equal.

    `depth_model` is the folder of a depth estimation network. UsageError where it is needed and not given, TuneError
    where it isn't one.
    """
    if kind == "edges":
        return _as_colour(edges(rgb))
    if depth_model is None:
        raise UsageError(
            "control=depth needs a network that estimates depth: `pixloom models pull depth-anything-v2-small` "
            "(99 MB), or name a folder as depth_model. control=edges needs none."
        )
    work.step(0, 1, "estimating depth")
    return _as_colour(nearness(rgb, depth_model))


def edges(rgb: Floats) -> Floats:
    """[h, w, 3] in 0..1 -> [h, w] of 0 and 1: Canny's edges (1986), one pixel wide.

    The upper threshold is Otsu's (1979) of the gradients' magnitudes, and the lower half of it, so that a dim or hazy
    picture has its edges too (Fang et al. 2009); noise below `FAINTEST` makes none.
    """
    grey = cv2.GaussianBlur(to_bytes(luminance(rgb)), (5, 5), 0)
    across, down = cv2.Sobel(grey, cv2.CV_16S, 1, 0), cv2.Sobel(grey, cv2.CV_16S, 0, 1)
    magnitude = np.hypot(across.astype(np.float32), down.astype(np.float32)).astype(np.uint16)
    otsu, _ = cv2.threshold(magnitude, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    high = max(otsu, FAINTEST)
    found = cv2.Canny(across, down, high / 2, high, L2gradient=True)
    return np.asarray(found, np.float32) / np.float32(255)


def nearness(rgb: Floats, folder: Path) -> Floats:
    """[h, w, 3] in 0..1 -> [h, w]: from 0, the farthest of the picture, to 1, the nearest, by a network of a folder.

    Any that transformers knows for depth estimation, such as Depth Anything V2 (Yang et al. 2024) or DPT (Ranftl et
    al. 2021). Distances are inverted, as ControlNets were trained with inverse depth. All zero where nothing is
    nearer than the rest. TuneError for a folder that holds no such network.
    """
    import torch

    network, processor = _loaded(folder, _changed(folder))
    with torch.inference_mode():
        outcome = network(**processor(images=to_bytes(rgb), return_tensors="pt"))
        sized = processor.post_process_depth_estimation(outcome, target_sizes=[rgb.shape[:2]])
    depth: Floats = sized[0]["predicted_depth"].float().numpy().reshape(rgb.shape[:2])
    if _tells_distance(network.config):
        depth = np.reciprocal(np.maximum(depth, 1e-3, dtype=np.float32), dtype=np.float32)
    far, near = float(depth.min()), float(depth.max())
    if not np.isfinite([far, near]).all():
        raise TuneError(f"The depth network {folder} gave values that are not numbers for this picture.")
    return np.asarray(np.clip((depth - far) / max(near - far, 1e-9), 0, 1), np.float32)


def _tells_distance(config: Any) -> bool:
    """Whether larger values are farther; the other networks tell inverse depth."""
    return bool(config.model_type in _METRIC or getattr(config, "depth_estimation_type", "relative") == "metric")


def _as_colour(grey: Floats) -> Floats:
    return np.repeat(grey[..., None], 3, axis=2)


def _changed(folder: Path) -> int:
    """When the folder's configuration was written, in ns; 0 where there is none."""
    try:
        return (folder / "config.json").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _loaded(folder: Path, _changed: int) -> tuple[Any, Any]:
    """Network and preprocessing of a folder: tensors and configuration only, never code of it."""
    import transformers

    transformers.logging.disable_progress_bar()
    if not (folder / "config.json").is_file():
        raise TuneError(f"There is no depth network in {folder}: it should hold config.json and model.safetensors.")
    try:
        network = transformers.AutoModelForDepthEstimation.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
        return network.eval(), transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a folder of a stranger: each architecture has errors of its own
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise TuneError(f"{folder} holds no depth network that can be loaded: {said}") from error
