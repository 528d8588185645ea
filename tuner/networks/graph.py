"""Networks as OpenVINO graphs: on a CPU several times as fast as torch runs them.

Converted once for each file of weights and tile, checked against torch, and kept in the cache folder.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from indexer.encoders.graph import compile_graph, convert, needed
from indexer.errors import StoppedError
from indexer.types import Floats
from tuner.work import Work

MOST_ERROR = 1e-3
"""How far a graph's values may be from torch's, in 0..1."""
Run = Callable[[Floats], Floats]


def graph_of(weights: Path, network: Any, tile: int, work: Work) -> Run | None:
    """A function from [channels, tile, tile] to the network's outcome, by OpenVINO; None where that can't be had.

    `network` is spandrel's, on the CPU. The first time takes up to a minute, for transformers.
    """
    path = work.settings.cache / "networks" / f"{_digest(weights, weights.stat().st_mtime_ns)}-{tile}.xml"
    try:
        needed("openvino")
        if not path.exists():
            work.step(0, 1, "preparing the network, which is done once")
            _export(network, tile, path)
        request = _compiled(path)
    except (MemoryError, StoppedError):
        raise
    except Exception:  # no openvino, no space, or an architecture that converters can't read, who raise anything
        return None

    def run(pixels: Floats) -> Floats:
        request.start_async([pixels[None]])
        try:
            while not request.wait_for(300):  # milliseconds: somebody may want to stop it
                work.step(0, 1, "")
        finally:
            request.wait()
        return np.array(request.get_output_tensor(0).data[0])

    return run


def _export(network: Any, tile: int, path: Path) -> None:
    """Write the graph under another name, and rename it when it is whole and right. Raises what converters raise."""
    import openvino
    import torch

    class Called(torch.nn.Module):
        """As spandrel calls the network; keeps what came out."""

        def __init__(self) -> None:
            super().__init__()
            self.model = network.model

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = network(pixels)
            self.made = made
            return made

    called = Called().eval()
    example = torch.rand(1, network.input_channels, tile, tile, generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        graph = convert(called, example)
        graph.reshape(list(example.shape))
        compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        error = np.abs(compiled([example.numpy()])[0] - called.made.clone().numpy()).max()
        if not error <= MOST_ERROR:
            raise ValueError(f"the graph is wrong by {error}")
        draft = path.with_name(f"draft-{os.getpid()}-{path.name}")
        openvino.save_model(graph, draft, compress_to_fp16=False)
        draft.with_suffix(".bin").replace(path.with_suffix(".bin"))
        draft.replace(path)  # last: where it is, the other is too
    with suppress(OSError):
        path.with_suffix(".lock").unlink()


@lru_cache(maxsize=1)
def _compiled(path: Path) -> Any:
    """Compiling takes seconds, so what was used last stays in memory."""
    return compile_graph(path, "LATENCY").create_infer_request()


@lru_cache(maxsize=16)
def _digest(path: Path, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
