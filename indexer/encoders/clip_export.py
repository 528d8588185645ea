"""CLIP's picture tower in OpenVINO, where that was measured to be faster than torch on this CPU.

Exported once per home folder, into `clip-<fingerprint>` with what was measured; without openvino, or where a
model can't be converted, torch goes on.
"""

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from indexer.encoders.graph import PictureGraph, convert, needed
from indexer.errors import DependencyError, EncoderError
from indexer.models.machine import free_memory as machine_memory
from indexer.types import Floats

EXPORT_FORMAT = 1
"""Raised whenever the exported files change their meaning."""
GRAPH, FACTS = "picture.xml", "measured.json"
LEAST_COSINE = 0.999
LEAST_GAIN = 1.05
"""How many times faster the export must be to be worth a second copy of the weights in memory."""
ENOUGH = 32
"""Pictures that torch encodes before an export is made or loaded: a few never wait for it."""
SEVERAL = 4
"""Pictures that must come together for an export to be made: an indexing run, not a query."""
MEMORY = 6
"""Memory that must be free, as a multiple of the tower's weights: both ways of running it, while measuring."""

Run = Callable[[Sequence[Floats]], Floats]


class ClipExport:
    """One model's export: made, checked and loaded when enough pictures have come, and only if it pays."""

    def __init__(self, models: Path, fingerprint: str, network: Any, by_torch: Run) -> None:
        """`network` is the open_clip model on the CPU; `by_torch` gives its unit-norm vectors of pictures."""
        self._models, self._folder = models, models / f"clip-{fingerprint[:16]}"
        self._network, self._by_torch = network, by_torch
        tower = getattr(network, "visual", network)
        self._weights: int = sum(tensor.nbytes for tensor in tower.state_dict().values())
        self._seen, self._settled = 0, False
        self._graph: PictureGraph | None = None
        self._engines: dict[str, str] = {}

    def run(self, batch: Sequence[Floats]) -> Floats | None:
        """n prepared pictures -> vectors [n, dimension], not normalised; None where torch shall do them."""
        if not self._settled:
            self._seen += len(batch)
            if self._seen >= ENOUGH:
                self._settle(batch)
        if self._graph is None or self._engines["one" if len(batch) == 1 else "many"] != "openvino":
            return None
        try:
            return self._graph.run(batch)
        except (RuntimeError, EncoderError):  # memory ran out, say, or another machine replaced it just now
            self._graph = None
            return None

    def _settle(self, batch: Sequence[Floats]) -> None:
        """Load the export, making it where there is none and `batch` is large enough to measure with."""
        try:
            if free_memory() < MEMORY * self._weights or self._load(batch[:2]):
                self._settled = True
            elif len(batch) >= SEVERAL:
                self._settled = True
                self._make(batch)
        except (DependencyError, OSError, MemoryError):  # no openvino; no space; a folder that can't be written
            self._settled = True

    def _load(self, batch: Sequence[Floats]) -> bool:
        """Whether there is an export of this machine (or the knowledge that none pays) and it is sound: its
        vectors of `batch` are torch's."""
        facts = _read(self._folder / FACTS)
        if facts is None or facts["machine"] != machine():
            return False
        if "openvino" not in facts["engines"].values():
            return True
        wanted = self._by_torch(batch)
        graph = PictureGraph(self._folder / GRAPH, wanted.shape[1])
        with suppress(EncoderError, RuntimeError):
            if least_cosine(graph.run(batch), wanted) >= LEAST_COSINE:
                self._graph, self._engines = graph, facts["engines"]
                return True
        (self._folder / FACTS).unlink(missing_ok=True)  # it is damaged: nobody shall try it again
        return False

    def _make(self, batch: Sequence[Floats]) -> None:
        """Export and measure into a draft that is renamed when it is whole; processes take turns."""
        needed("openvino")
        self._models.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._models).free < 2 * self._weights:
            return
        with FileLock(self._models / ".export.lock"):
            if self._load(batch[:2]):  # made by another process meanwhile
                return
            for left in self._models.glob(".clip-*"):  # of a run that was killed; the lock is ours
                shutil.rmtree(left, ignore_errors=True)
            draft = Path(tempfile.mkdtemp(prefix=".clip-", dir=self._models))
            try:
                self._fill(draft, batch)
                shutil.rmtree(self._folder, ignore_errors=True)  # another machine's, or damaged
                draft.rename(self._folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            self._load(batch[:2])

    def _fill(self, draft: Path, batch: Sequence[Floats]) -> None:
        """Write the graph, if it is any better than torch, and what was measured."""
        facts: dict[str, Any] = {"format": EXPORT_FORMAT, "machine": machine()}
        engines = {"one": "torch", "many": "torch"}
        wanted = self._by_torch(batch)
        try:
            export(self._network, batch[0].shape, draft / GRAPH)
            run = PictureGraph(draft / GRAPH, wanted.shape[1]).run
            facts["cosine"] = min(least_cosine(run(batch), wanted), least_cosine(run(batch[:1]), wanted[:1]))
            if facts["cosine"] >= LEAST_COSINE:
                facts["pictures"], facts["ms"] = len(batch), measure({"torch": self._by_torch, "openvino": run}, batch)
                torch, openvino = facts["ms"]["torch"], facts["ms"]["openvino"]
                engines = {n: "openvino" if openvino[n] * LEAST_GAIN <= torch[n] else "torch" for n in engines}
        except (DependencyError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever converters raise: the architecture is beyond them
            facts["failed"] = f"{type(error).__name__}: {error}"[:500]
        if "openvino" not in engines.values():
            for path in draft.iterdir():
                path.unlink()
        (draft / FACTS).write_text(json.dumps({**facts, "engines": engines}, indent=1))


def export(network: Any, shape: tuple[int, ...], path: Path) -> None:
    """Write the picture tower of an open_clip model as an OpenVINO graph from one picture [1, *shape] to its
    vector. Raises whatever torch and OpenVINO raise where it can't be converted."""
    import openvino
    import torch

    class Pictures(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.clip = network

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            vectors: torch.Tensor = self.clip.encode_image(pixels)
            return vectors

    graph = convert(Pictures().eval(), torch.zeros(1, *shape))
    graph.reshape([1, *shape])
    openvino.save_model(graph, path, compress_to_fp16=False)


def measure(engines: dict[str, Run], batch: Sequence[Floats]) -> dict[str, dict[str, float]]:
    """Engine -> milliseconds for `one` picture and for the whole batch (`many`): the best of up to three
    rounds in turn, within about 10 s; other work on the machine then disturbs all alike."""
    best: dict[str, dict[str, float]] = {name: {} for name in engines}
    started = time.perf_counter()
    for turn in range(3):
        for count, items in (("one", batch[:1]), ("many", batch)):
            for name, run in engines.items():
                before = time.perf_counter()
                run(items)
                took = (time.perf_counter() - before) * 1000
                best[name][count] = round(min(took, best[name].get(count, took)), 3)
        if turn < 2 and time.perf_counter() - started > 10:
            break
    return best


def least_cosine(vectors: Floats, wanted: Floats) -> float:
    """The least of the rows' cosines; 0 where it isn't a number."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(wanted, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nan_to_num((vectors * wanted).sum(axis=1) / lengths).min())


def machine() -> dict[str, str]:
    """What a measurement depends on: processor, threads and versions."""
    import torch

    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:  # not Linux
        text = ""
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    kept = ("vendor_id", "cpu family", "model", "model name", "flags", "CPU implementer", "CPU part", "Features")
    features = sha256(repr([fields.get(key) for key in kept]).encode()).hexdigest()[:12]
    return {
        "processor": f"{fields.get('model name') or platform.processor()} {platform.machine()} {features}",
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()}",
        **{package: _version(package) for package in ("torch", "open_clip_torch", "openvino")},
    }


def free_memory() -> int:
    """Bytes that can be had without swapping; 4 GiB where the system doesn't say."""
    return machine_memory() or 4 * 2**30


def _read(path: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        known = facts["format"] == EXPORT_FORMAT and facts["machine"] and set(facts["engines"]) == {"one", "many"}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if known else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
