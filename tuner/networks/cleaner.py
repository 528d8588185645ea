"""The shipped denoisers at work: in OpenVINO where that is installed, which takes half of torch's time."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from indexer.encoders.graph import convert, needed
from indexer.errors import DependencyError
from indexer.types import Floats
from tuner.networks.denoiser import GRID, REACH, Denoiser
from tuner.raster import is_grey
from tuner.tiles import tiled
from tuner.work import Work

WEIGHTS = Path(__file__).parent / "denoiser_weights"
NOISE, JPEG = WEIGHTS / "noise.safetensors", WEIGHTS / "jpeg.safetensors"

Run = Callable[[Floats, Floats], Floats]
"""[1, 3, h, w] in 0..1 and a strength [1] -> [1, 3, h, w]."""


def cleaned(weights: Path, rgb: Floats, strength: float, work: Work, *, what: str, best: bool = False) -> Floats:
    """[h, w, 3] around 0..1, of any size, without what `weights` were trained to take out, not clipped.

    `strength` is sigma of 1.0 for NOISE, and for JPEG what its quality lacks of 100, of 100. `best` takes the mean of
    the outcomes of the picture turned and mirrored in eight ways (Timofte et al. 2016), for eight times the work. Grey
    pictures stay grey.
    """
    run, strengths = load(weights), np.array([strength], np.float32)
    # Among several parts, it is these that are counted; looks at one may still be stopped.
    within = work if max(rgb.shape) <= work.tile else replace(work, on_step=None)

    def part(picture: Floats) -> Floats:
        return _whole(run, picture, strengths, best, lambda done, total: within.step(done, total, what))

    made = tiled(part, rgb, work, halo=REACH, grid=GRID, what=what)
    if is_grey(rgb):
        made[:] = made.mean(2, keepdims=True)
    return made


def _whole(run: Run, picture: Floats, strengths: Floats, best: bool, step: Callable[[int, int], None]) -> Floats:
    """The network over a picture that fits, filled up to the grid with its own mirror image."""
    height, width = picture.shape[:2]
    filled = cv2.copyMakeBorder(picture, 0, -height % GRID, 0, -width % GRID, cv2.BORDER_REFLECT)
    planes = np.ascontiguousarray(np.moveaxis(filled, 2, 0), np.float32)[None]
    ways = 8 if best else 1
    total = np.zeros_like(planes)
    for way in range(ways):
        step(way, ways)
        turned = np.rot90(planes, way, (2, 3))
        turned = turned[..., ::-1] if way > 3 else turned
        made = run(np.ascontiguousarray(turned), strengths)
        total += np.rot90(made[..., ::-1] if way > 3 else made, -way, (2, 3))
    return np.ascontiguousarray(np.moveaxis(total[0] / ways, 0, 2)[:height, :width])


@lru_cache(maxsize=4)
def load(weights: Path) -> Run:
    """The network of a safetensors file, ready to run and kept for the process; safe in several threads at once."""
    import torch
    from safetensors.torch import load_file

    network = Denoiser().eval()
    network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    try:
        return _by_openvino(network)
    except DependencyError:
        network = network.to(memory_format=torch.channels_last)

    def run(pictures: Floats, strengths: Floats) -> Floats:
        with torch.inference_mode():
            given = torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last)
            made: Floats = network(given, torch.from_numpy(strengths)).numpy()
        return made

    return run


def _by_openvino(network: Denoiser) -> Run:
    """Compiled for this CPU; DependencyError where openvino isn't installed."""
    import torch

    openvino = needed("openvino")
    graph = convert(network, torch.zeros(1, 3, 64, 64), torch.zeros(1))
    graph.inputs[0].get_node().set_partial_shape(openvino.PartialShape([1, 3, -1, -1]))
    graph.inputs[1].get_node().set_partial_shape(openvino.PartialShape([1]))
    graph.validate_nodes_and_infer_types()
    # Full precision is asked for: outcomes are the same on every machine, and keep 16 bits.
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(graph, "CPU", options)

    def run(pictures: Floats, strengths: Floats) -> Floats:
        made: Floats = compiled.create_infer_request().infer([pictures, strengths])[0]
        return made

    return run
