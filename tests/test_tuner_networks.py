"""Networks from files: loading safely, running in parts, and what is done when memory runs out."""

import importlib.util
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact

from indexer.config import Settings
from indexer.errors import CapacityError, NotFoundError, StoppedError, TuneError
from indexer.types import Floats
from tuner.networks import restoration
from tuner.networks.ladder import Rung, descend, rungs
from tuner.networks.patches import fades, patchwise, starts
from tuner.networks.restoration import _by_torch, restore_with, scale_of, upscale_with
from tuner.networks.weights import load
from tuner.work import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path / "home"))


@pytest.fixture(scope="module")
def picture() -> Floats:
    return np.random.default_rng(0).random((70, 90, 3)).astype(np.float32)


def compact(scale: int) -> Any:
    torch.manual_seed(0)
    return Compact(num_feat=4, num_conv=1, upscale=scale).eval()


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "doubling.safetensors"
    save_file(compact(2).state_dict(), path)
    return path


def whole(network: Any, picture: Floats) -> Floats:
    with torch.inference_mode():
        made: Floats = network(torch.from_numpy(np.moveaxis(picture, 2, 0))[None])[0].clamp(0, 1).numpy()
    return np.moveaxis(made, 0, 2)


@pytest.mark.parametrize("by_openvino", [True, False])
def test_an_enlarging_network_in_parts_is_the_network(
    doubling: Path, picture: Floats, work: Work, by_openvino: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_openvino:
        monkeypatch.setattr(restoration, "graph_of", lambda *_: None)
    elif importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino isn't installed")
    before = picture.copy()
    outcome = upscale_with(doubling, picture, work)
    # Reflected below 64 pixels only, so the parts see what the whole sees, but for the picture's own edge.
    assert np.abs(outcome - whole(compact(2), picture)).max() < 1e-3
    assert np.array_equal(picture, before)
    assert bool(list(work.settings.cache.rglob("*.xml"))) == by_openvino


def test_a_network_that_repairs(tmp_path: Path, picture: Floats, work: Work) -> None:
    path = tmp_path / "repairing.pth"
    torch.save({"params": compact(1).state_dict()}, path)
    assert scale_of(path) == 1
    assert np.abs(restore_with(path, picture, work) - whole(compact(1), picture)).max() < 1e-3
    with pytest.raises(TuneError, match="doesn't enlarge"):
        upscale_with(path, picture, work)


def test_a_network_for_grey_does_channel_after_channel(tmp_path: Path, picture: Floats, work: Work) -> None:
    torch.manual_seed(0)
    network = Compact(num_in_ch=1, num_out_ch=1, num_feat=4, num_conv=1, upscale=1).eval()
    path = tmp_path / "grey.pth"
    torch.save(network.state_dict(), path)
    wanted = np.concatenate([whole(network, picture[..., number, None]) for number in range(3)], axis=2)
    assert np.abs(restore_with(path, picture, work) - wanted).max() < 1e-3


def test_small_pictures(doubling: Path, work: Work) -> None:
    for shape in ((1, 1), (3, 70)):
        assert upscale_with(doubling, np.full((*shape, 3), 0.5, np.float32), work).shape == (
            shape[0] * 2,
            shape[1] * 2,
            3,
        )


def test_it_can_be_stopped(doubling: Path, picture: Floats, work: Work) -> None:
    work.should_stop = lambda: True
    with pytest.raises(StoppedError):
        upscale_with(doubling, picture, work)


class Trap:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_what_isnt_weights_is_refused_and_not_run(tmp_path: Path, doubling: Path, work: Work) -> None:
    sprung = tmp_path / "sprung"
    trap = tmp_path / "trap.pth"
    torch.save({"params": Trap(sprung)}, trap)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"params": Trap(sprung)}))
    (tmp_path / "noise.pth").write_bytes(b"no weights")
    (tmp_path / "noise.safetensors").write_bytes(b"no weights")
    (tmp_path / "short.safetensors").write_bytes(doubling.read_bytes()[:500])
    (tmp_path / "text.txt").write_text("no weights")
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for path in tmp_path.iterdir():
        if path.is_file():
            with pytest.raises(TuneError, match=r"isn't restoration weights"):
                restore_with(path, np.zeros((8, 8, 3), np.float32), work)
    assert not sprung.exists()
    with pytest.raises(NotFoundError):
        scale_of(tmp_path / "nowhere.pth")
    with pytest.raises(TuneError, match="with `upscale`"):
        restore_with(doubling, np.zeros((8, 8, 3), np.float32), work)


def test_smaller_parts_then_the_cpu_where_memory_runs_out(work: Work) -> None:
    ladder = rungs("cuda", 256, 64)
    assert ladder == [*(Rung("cuda", side) for side in (256, 128, 64)), *(Rung("cpu", side) for side in (128, 64))]
    tried: list[Rung] = []

    def run(rung: Rung) -> Floats:
        tried.append(rung)
        if rung.device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.zeros(1, np.float32)

    descend(ladder, run, work)
    assert tried == ladder[:4] and "on the CPU" in work.notes[0]
    work.notes.clear()
    descend(ladder[3:], lambda _: np.zeros(1, np.float32), work)
    assert not work.notes

    def full(_: Rung) -> Floats:
        raise MemoryError

    with pytest.raises(CapacityError, match="64 pixels"):
        descend(ladder, full, work)

    def broken(_: Rung) -> Floats:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        descend(ladder, broken, work)


def test_half_precision_comes_before_smaller_parts_on_a_gpu(work: Work, doubling: Path) -> None:
    ladder = rungs("cuda", 256, 64, half=True)
    assert ladder[:4] == [Rung("cuda", 256), *(Rung("cuda", side, half=True) for side in (256, 128, 64))]
    assert ladder[4:] == [Rung("cpu", 128), Rung("cpu", 64)] and rungs("cpu", 64, 32, half=True) == rungs("cpu", 64, 32)

    def run(rung: Rung) -> Floats:
        if not rung.half:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.zeros(1, np.float32)

    descend(ladder, run, work)
    assert work.notes == ["The GPU's memory ran out: it was done in half precision."]
    network = load(doubling)
    square = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    exact, halved = (_by_torch(network, Rung("cpu", 16, half=half))(square) for half in (False, True))
    assert halved.dtype == np.float32 and halved.shape == exact.shape
    assert 0 < np.abs(halved - exact).max() < 0.05
    assert np.array_equal(_by_torch(network, Rung("cpu", 16))(square), exact), "the kept one is as it was"


@pytest.mark.parametrize(("length", "tile", "overlap"), [(64, 64, 16), (65, 64, 16), (300, 64, 16), (113, 64, 32)])
def test_parts_cover_a_length_and_their_weights_sum_to_one(length: int, tile: int, overlap: int) -> None:
    begins = starts(length, tile, overlap)
    total = np.zeros(length * 2)
    for begin, weight in zip(begins, fades(begins, tile, overlap // 2, 2), strict=True):
        total[begin * 2 : (begin + tile) * 2] += weight
    assert begins[0] == 0 and begins[-1] + tile == length
    assert all(first + tile - second >= overlap for first, second in pairwise(begins))
    assert np.allclose(total, 1, atol=1e-6)


def test_no_seam_where_parts_differ(work: Work) -> None:
    rng = np.random.default_rng(1)
    flat = np.full((60, 200, 3), 0.5, np.float32)
    made = patchwise(lambda part: part + np.float32(rng.normal(0, 0.01)), flat, work, tile=64, overlap=16)
    assert np.abs(np.diff(made, axis=1)).max() < 0.005
