"""Pictures through restoration networks: whatever architecture spandrel knows, in parts, on GPU or CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import TuneError
from indexer.types import Floats
from tuner.networks.graph import graph_of
from tuner.networks.ladder import Rung, descend, rungs
from tuner.networks.patches import patchwise
from tuner.networks.weights import load
from tuner.work import Work

CPU_TILE = 64
"""Pixels a side. Larger ones gained nothing on CSet5 by DAT-light, which learned from squares of 64 (butterfly 35.92
dB either way), and take longer to prepare."""
GPU_TILE = 512
SMALLEST = 32
OVERLAP = 16
"""Pixels that neighbouring parts share, of which the outer quarters are dropped; 32 changed nothing (0.002 dB)."""


def restore_with(path: Path, rgb: Floats, work: Work) -> Floats:
    """[h, w, 3] in 0..1 -> the same size, by a network that repairs: denoises, deblurs, removes JPEG blocks.

    NotFoundError and TuneError as `load` raises them; TuneError for a network that enlarges; CapacityError where it
    doesn't fit into memory in the smallest parts.
    """
    network = load(path)
    if network.scale != 1:
        raise TuneError(f"{path.name} enlarges pictures {network.scale} times: use it with `upscale`.")
    return _through(path, network, rgb, work, "restoring")


def upscale_with(path: Path, rgb: Floats, work: Work) -> Floats:
    """[h, w, 3] in 0..1 -> [h * scale, w * scale, 3], by a network that enlarges; errors as those of `restore_with`."""
    network = load(path)
    if network.scale == 1:
        raise TuneError(f"{path.name} repairs pictures and doesn't enlarge them: it is no network for `upscale`.")
    return _through(path, network, rgb, work, f"enlarging {network.scale} times")


def scale_of(path: Path) -> int:
    """How many times a file's network enlarges a picture; 1 where it repairs. Errors as those of `load`."""
    return int(load(path).scale)


def _through(path: Path, network: Any, rgb: Floats, work: Work, what: str) -> Floats:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    wanted = min(work.tile, GPU_TILE if device == "cuda" else CPU_TILE)
    tile, smallest = _fitting(network, wanted), _fitting(network, SMALLEST)
    if network.tiling.name != "SUPPORTED" and max(rgb.shape[:2]) > tile:
        tile = _fitting(network, max(rgb.shape[:2]))  # it needs to see all at once

    def run(rung: Rung) -> Floats:
        by_tile = _runner(path, network, rung, work)
        tile = _fitting(network, rung.tile)
        overlap = min(OVERLAP, tile // 2)
        return patchwise(by_tile, rgb, work, tile=tile, overlap=overlap, scale=network.scale, what=what)

    half = bool(network.supports_bfloat16 or network.supports_half)
    return descend(rungs(device, tile, smallest, half=half), run, work)


def _fitting(network: Any, side: int) -> int:
    """The next size at which the network needs no padding of its own."""
    needs = network.size_requirements
    multiple = int(needs.multiple_of)
    return -(-max(side, int(needs.minimum)) // multiple) * multiple


def _runner(path: Path, network: Any, rung: Rung, work: Work) -> Callable[[Floats], Floats]:
    """A function from a square [tile, tile, 3] to its outcome: by OpenVINO on a CPU where it can, otherwise by torch.

    A network for grey pictures is given the three channels one after another.
    """
    graph = graph_of(path, network, _fitting(network, rung.tile), work) if rung.device == "cpu" else None
    by_planes = graph or _by_torch(network, rung)

    def run(square: Floats) -> Floats:
        planes = np.ascontiguousarray(np.moveaxis(square, 2, 0))
        if network.input_channels == 1:
            made = np.concatenate([by_planes(plane[None]) for plane in planes])
        else:
            made = by_planes(planes)
        return np.moveaxis(made, 0, 2)

    return run


def _by_torch(network: Any, rung: Rung) -> Callable[[Floats], Floats]:
    """In half precision bfloat16 where the network keeps its quality in it, otherwise float16."""
    import torch

    half = torch.bfloat16 if network.supports_bfloat16 else torch.float16
    dtype = half if rung.half else torch.float32
    network.to(rung.device, dtype)

    def run(planes: Floats) -> Floats:
        made: Floats = network(torch.from_numpy(planes)[None].to(rung.device, dtype))[0].float().cpu().numpy()
        return made

    return run
