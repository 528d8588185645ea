"""A CLIP picture tower in torch eager, OpenVINO and ONNX Runtime, in full precision and int8.

    python bench/clip_export.py [ARCH] [--pictures DIR] [--rounds N] [--batch N] [--only ENGINE,...] [--load N]

Weights are random with a fixed seed: they change no speed. Engines take turns, in another order each round, so
that other work on the machine disturbs all alike; `--load N` keeps N threads busy decoding meanwhile, as an
indexing run does. ONNX Runtime needs the packages onnxruntime and onnxscript, OpenVINO's int8 nncf; what isn't
installed is left out.
"""

import argparse
import logging
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import openvino
import torch
from PIL import Image

from indexer.encoders.clip_export import export, least_cosine
from indexer.encoders.graph import PictureGraph
from indexer.encoders.heads import unit
from indexer.types import Floats

Run = Callable[[Floats], Floats]
Make = Callable[[Any, Floats, Path], tuple[Run, int | None]]
"""The model, pictures to calibrate with, a folder -> the engine, and how many nodes it has in int8."""


def by_torch(model: Any, pictures: Floats, folder: Path) -> tuple[Run, None]:
    return lambda batch: model.encode_image(torch.from_numpy(batch)).numpy(), None


def by_openvino(model: Any, pictures: Floats, folder: Path) -> tuple[Run, None]:
    """As the product runs it: single pictures on several streams."""
    export(model, pictures.shape[1:], folder / "ov.xml")
    graph = PictureGraph(folder / "ov.xml", model.encode_image(torch.from_numpy(pictures[:1])).shape[1])
    return lambda batch: graph.run(list(batch)), None


def by_openvino_batches(model: Any, pictures: Floats, folder: Path) -> tuple[Run, None]:
    """Whole batches at once, all threads on one stream."""
    export(model, pictures.shape[1:], folder / "batches.xml")
    graph = openvino.Core().read_model(folder / "batches.xml")
    return _whole(graph), None


def by_openvino_int8(model: Any, pictures: Floats, folder: Path) -> tuple[Run, int]:
    """Post-training quantisation by NNCF, calibrated with the pictures."""
    import nncf

    export(model, pictures.shape[1:], folder / "int8.xml")
    graph = openvino.Core().read_model(folder / "int8.xml")
    singles = nncf.Dataset([picture[None] for picture in pictures])
    graph = nncf.quantize(graph, singles, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(pictures))
    return _whole(graph), sum(node.get_type_name() == "FakeQuantize" for node in graph.get_ops())


def _whole(graph: Any) -> Run:
    graph.reshape([-1, *list(graph.input().shape)[1:]])
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(graph, "CPU", options).create_infer_request()
    return lambda batch: request.infer([batch])[0].copy()


def by_onnx(model: Any, pictures: Floats, folder: Path) -> tuple[Run, None]:
    return _session(_onnx(model, pictures, folder)), None


def by_onnx_int8(model: Any, pictures: Floats, folder: Path) -> tuple[Run, int]:
    """Dynamic quantisation: int8 weights, activations as they come."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(_onnx(model, pictures, folder), folder / "int8.onnx")
    nodes = onnx.load(folder / "int8.onnx").graph.node
    return _session(folder / "int8.onnx"), sum("Integer" in node.op_type for node in nodes)


def _onnx(model: Any, pictures: Floats, folder: Path) -> Path:
    path = folder / "model.onnx"
    if not path.exists():

        class Pictures(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.clip = model

            def forward(self, pixels: torch.Tensor) -> torch.Tensor:
                return self.clip.encode_image(pixels)

        example, axes = torch.from_numpy(pictures[:2]), ({0: torch.export.Dim("n", min=1, max=4096)},)
        with torch.no_grad():
            torch.onnx.export(
                Pictures().eval(), (example,), path, dynamic_shapes=axes, external_data=False, verbose=False
            )
    return path


def _session(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


ENGINES: dict[str, Make] = {
    "torch": by_torch,
    "openvino": by_openvino,
    "openvino-batches": by_openvino_batches,
    "openvino-int8": by_openvino_int8,
    "onnx": by_onnx,
    "onnx-int8": by_onnx_int8,
}


def scenes(folder: Path | None, count: int, preprocess: Callable[[Image.Image], Any]) -> Floats:
    """Photographs of a folder, or noise, as the model reads them [count, 3, side, side]."""
    if folder:
        images = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))[:count]]
    else:
        rng = np.random.default_rng(0)
        images = [Image.fromarray(rng.integers(0, 256, (375, 500, 3), np.uint8)) for _ in range(count)]
    return np.stack([preprocess(image).numpy() for image in images])


@contextmanager
def decoding(threads: int, folder: Path | None) -> Iterator[None]:
    """Keeps that many threads busy opening and shrinking pictures."""
    stop = threading.Event()
    paths = sorted(folder.glob("*.jpg"))[:30] if folder else []

    def work() -> None:
        while not stop.is_set():
            for path in paths:
                Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def seconds(run: Run, batch: Floats) -> float:
    started = time.perf_counter()
    run(batch)
    return time.perf_counter() - started


def report(runs: dict[str, Run], nodes: dict[str, int | None], pictures: Floats, rounds: int) -> None:
    """The table: milliseconds as best / median of the rounds, ratios of medians and of the best to torch."""
    vectors = {name: unit(run(pictures)) for name, run in runs.items()}
    wanted = vectors["torch"]
    others = (wanted @ wanted.T)[~np.eye(len(wanted), dtype=bool)]
    print(f"cosine of different pictures (random weights): mean {others.mean():.4f}, greatest {others.max():.4f}")
    times: dict[tuple[str, int], list[float]] = {(name, n): [] for name in runs for n in (1, len(pictures))}
    names = list(runs)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name, 1] += [seconds(runs[name], pictures[:1]) for _ in range(3)]
            times[name, len(pictures)].append(seconds(runs[name], pictures))
    columns = "".join(f"{f'{n} at once: ms best/median':>28} {'ratio':>11} {'/s':>6}" for n in (1, len(pictures)))
    print(f"{'engine':17}{columns}  least cosine  centred  int8 nodes")
    mean = wanted.mean(axis=0)
    for name in names:
        line = f"{name:17}"
        for n in (1, len(pictures)):
            (best, middle), base = (
                (float(np.min(t)), float(np.median(t))) for t in (times[name, n], times["torch", n])
            )
            ratio = f"{base[0] / best:.2f}/{base[1] / middle:.2f}"
            line += f"{best * 1e3:18.1f} /{middle * 1e3:8.1f} {ratio:>11} {n / middle:6.1f}"
        centred = least_cosine(vectors[name] - mean, wanted - mean)
        print(f"{line}  {least_cosine(vectors[name], wanted):12.6f} {centred:8.4f}  {nodes[name] or '-'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", nargs="?", default="ViT-B-32")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--only", default=",".join(ENGINES))
    parser.add_argument("--load", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms(arguments.architecture)
    model.eval()
    pictures = scenes(arguments.pictures, arguments.batch, preprocess)
    runs: dict[str, Run] = {}
    nodes: dict[str, int | None] = {}
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        for name in dict.fromkeys(["torch", *arguments.only.split(",")]):
            try:
                started = time.perf_counter()
                runs[name], nodes[name] = ENGINES[name](model, pictures, Path(scratch))
                runs[name](pictures[:2])
                print(f"{name} made in {time.perf_counter() - started:.1f} s")
            except ImportError as error:
                print(f"{name} left out: {error}")
        with decoding(arguments.load, arguments.pictures):
            report(runs, nodes, pictures, arguments.rounds)
        text = open_clip.get_tokenizer(arguments.architecture)(["two men play guitars on a stage"])
        query = [seconds(lambda _: model.encode_text(text).numpy(), pictures) for _ in range(10)]
        print(f"a text query in torch: {min(query) * 1e3:.1f} / {float(np.median(query)) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
