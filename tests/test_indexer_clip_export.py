"""Exports of tiny open_clip models of each kind, against torch itself."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import open_clip
import pytest
import torch

from indexer.config import Settings
from indexer.encoders import clip, clip_export, load_encoder
from indexer.encoders.clip import ClipEncoder
from indexer.encoders.clip_export import ENOUGH, FACTS, GRAPH, SEVERAL, least_cosine, measure
from indexer.encoders.serial import SerialEncoder
from indexer.types import Floats
from tests.test_indexer_clip import CONFIG, noise, save_tiny
from tests.toys import ToyEncoder, picture

TIMM = {"image_size": 64, "timm_proj": "linear"}
TOWERS: dict[str, dict[str, Any]] = {
    "ViT": CONFIG["model_cfg"]["vision_cfg"],
    "ResNet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8},
    "SigLIP": {**TIMM, "timm_model_name": "test_vit3", "timm_pool": "map", "image_size": 160},
    "ConvNeXt": {**TIMM, "timm_model_name": "test_convnext", "timm_pool": ""},
}
OPENVINO, TORCH = ({name: {"one": ms, "many": ms} for name in ("torch", "openvino")} for ms in (1.0, 2.0))
OPENVINO["openvino"] = {"one": 0.5, "many": 0.5}


def save_tower(folder: Path, vision: dict[str, Any]) -> Path:
    config = {**CONFIG, "model_cfg": {**CONFIG["model_cfg"], "vision_cfg": vision}}
    torch.manual_seed(1)
    folder.mkdir(parents=True)
    torch.save(open_clip.CLIP(**config["model_cfg"]).state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip") / "vit"
    save_tiny(folder)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Exports are counted, and found to be faster than torch."""
    made: list[Path] = []
    whole = clip_export.export

    def counted(network: Any, shape: tuple[int, ...], path: Path) -> None:
        made.append(path)
        whole(network, shape, path)

    monkeypatch.setattr(clip_export, "export", counted)
    monkeypatch.setattr(clip_export, "measure", lambda engines, batch: OPENVINO)
    yield made


def load(folder: Path, settings: Settings) -> ClipEncoder:
    encoder = load_encoder(f"clip:{folder}", settings)
    assert isinstance(encoder, ClipEncoder)
    return encoder


def prepared(encoder: ClipEncoder, count: int = ENOUGH) -> list[Floats]:
    return [encoder.prepare(noise(encoder.picture_size, seed)) for seed in range(count)]


def by_torch(encoder: ClipEncoder, pictures: Sequence[Floats]) -> Floats:
    with torch.inference_mode():
        vectors = encoder.network.encode_image(torch.from_numpy(np.stack(pictures)), normalize=True)
    return np.asarray(vectors.numpy(), np.float32)


def forbid_torch(encoder: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise AssertionError("torch was asked")

    monkeypatch.setattr(encoder.network, "encode_image", fail)


def facts(settings: Settings) -> dict[str, Any]:
    (path,) = settings.models.glob(f"clip-*/{FACTS}")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def names(settings: Settings) -> set[str]:
    return {path.name for path in settings.models.glob("clip-*/*")}


@pytest.mark.parametrize("kind", TOWERS)
def test_vectors_are_torchs(
    kind: str, tmp_path: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(save_tower(tmp_path / kind, TOWERS[kind]), settings)
    pictures = prepared(encoder)
    wanted = by_torch(encoder, pictures)
    fused = torch.backends.mha.get_fastpath_enabled()
    first = encoder.encode_pictures(pictures)
    assert torch.backends.mha.get_fastpath_enabled() == fused
    forbid_torch(encoder, monkeypatch)
    for vectors in (first, encoder.encode_pictures(pictures), *[encoder.encode_pictures(pictures[:n]) for n in (1, 3)]):
        assert vectors.dtype == np.float32
        assert least_cosine(vectors, wanted[: len(vectors)]) > 0.9999
        # Random towers give all pictures nearly one vector: what sets them apart must agree too.
        mean = wanted.mean(axis=0)
        assert least_cosine(vectors - mean, wanted[: len(vectors)] - mean) > 0.999
    assert encoder.encode_pictures([]).shape == (0, 24)
    assert len(exports) == 1 and facts(settings)["cosine"] > 0.999
    assert facts(settings)["engines"] == {"one": "openvino", "many": "openvino"}


def test_the_choice_is_remembered(
    vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(vit, settings)
    wanted = encoder.encode_pictures(prepared(encoder))
    again = load(vit, settings)
    monkeypatch.setattr(clip_export, "measure", None)  # a second call fails
    np.testing.assert_allclose(again.encode_pictures(prepared(again)), wanted, atol=1e-4)
    forbid_torch(again, monkeypatch)
    np.testing.assert_allclose(again.encode_pictures(prepared(again)), wanted, atol=1e-4)
    assert len(exports) == 1 and again.fingerprint == encoder.fingerprint


def test_another_machine_measures_again(
    vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for processor in ("one", "one", "other"):
        monkeypatch.setattr(clip_export, "machine", lambda processor=processor: {"processor": processor})
        encoder = load(vit, settings)
        encoder.encode_pictures(prepared(encoder))
        assert facts(settings)["machine"] == {"processor": processor}
    assert len(exports) == 2


def test_queries_and_small_folders_wait_for_no_export(vit: Path, settings: Settings, exports: list[Path]) -> None:
    encoder = load(vit, settings)
    encoder.encode_pictures(prepared(encoder, ENOUGH - 1))
    for image in prepared(encoder, ENOUGH):
        encoder.encode_pictures([image])
    encoder.encode_pictures(prepared(encoder, SEVERAL - 1))
    encoder.encode_texts(["a"] * 100)
    assert not exports and not settings.models.exists()
    encoder.encode_pictures(prepared(encoder, SEVERAL))
    assert len(exports) == 1


@pytest.mark.parametrize("damage", ["cut weights", "other weights", "graph", "facts"])
def test_damaged_export_is_made_again(damage: str, vit: Path, settings: Settings, exports: list[Path]) -> None:
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    wanted = by_torch(encoder, pictures)
    encoder.encode_pictures(pictures)
    (folder,) = settings.models.glob("clip-*")
    weights = folder / "picture.bin"
    match damage:
        case "cut weights":
            whole = weights.read_bytes()
            weights.unlink()
            weights.write_bytes(whole[: len(whole) // 2])
        case "other weights":
            size = weights.stat().st_size
            weights.unlink()
            weights.write_bytes(np.random.default_rng(0).normal(size=size // 4 + 1).astype("<f4").tobytes()[:size])
        case "graph":
            (folder / GRAPH).write_text("<net")
        case "facts":
            (folder / FACTS).write_text('{"format": 1, "machine"')
    again = load(vit, settings)
    np.testing.assert_allclose(again.encode_pictures(pictures), wanted, atol=1e-4)
    assert len(exports) == 2 and facts(settings)["engines"]["many"] == "openvino"


def test_without_openvino_torch_does_it(
    vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    for _ in range(2):
        np.testing.assert_allclose(encoder.encode_pictures(pictures), by_torch(encoder, pictures), atol=1e-5)
    assert not exports and not settings.models.exists()


def test_what_cannot_be_converted_is_tried_once(vit: Path, settings: Settings, exports: list[Path]) -> None:
    for _ in range(2):
        encoder = load(vit, settings)
        whole = encoder.network.encode_image
        encoder.network.encode_image = lambda pixels, whole=whole: torch.special.bessel_j0(whole(pixels))
        pictures = prepared(encoder)
        with torch.inference_mode():
            wanted = encoder.network.encode_image(torch.from_numpy(np.stack(pictures))).numpy()
        for _ in range(2):
            assert least_cosine(encoder.encode_pictures(pictures), wanted) > 0.99999
    assert len(exports) == 1 and names(settings) == {FACTS}
    assert "bessel_j0" in facts(settings)["failed"]


@pytest.mark.parametrize("reason", ["slower", "cosine"])
def test_torch_goes_on_where_the_export_is_no_better(
    reason: str, vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "slower":
        monkeypatch.setattr(clip_export, "measure", lambda engines, batch: TORCH)
    else:
        monkeypatch.setattr(clip_export, "LEAST_COSINE", 1.1)
    for _ in range(2):
        encoder = load(vit, settings)
        pictures = prepared(encoder)
        np.testing.assert_allclose(encoder.encode_pictures(pictures), by_torch(encoder, pictures), atol=1e-5)
    assert len(exports) == 1 and names(settings) == {FACTS}
    assert facts(settings)["engines"] == {"one": "torch", "many": "torch"}


def test_each_size_of_batch_has_the_faster_engine(
    vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"torch": {"one": 1.0, "many": 1.0}, "openvino": {"one": 0.5, "many": 0.99}}
    monkeypatch.setattr(clip_export, "measure", lambda engines, batch: times)
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    encoder.encode_pictures(pictures)
    forbid_torch(encoder, monkeypatch)
    encoder.encode_pictures(pictures[:1])
    with pytest.raises(AssertionError, match="torch was asked"):
        encoder.encode_pictures(pictures)


def test_measuring_takes_the_best_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0.0], []

    def engine(name: str, seconds: list[float]) -> Callable[[Sequence[Floats]], Floats]:
        def run(batch: Sequence[Floats]) -> Floats:
            calls.append((name, len(batch)))
            clock[0] += seconds[(len(calls) - 1) // 4] * len(batch)
            return np.zeros((len(batch), 2), np.float32)

        return run

    monkeypatch.setattr(clip_export.time, "perf_counter", lambda: clock[0])
    batch = [np.zeros(1, np.float32)] * 5
    found = measure({"torch": engine("torch", [0.2, 0.1, 0.3]), "openvino": engine("openvino", [0.1, 0.2, 0.1])}, batch)
    assert found == {"torch": {"one": 100, "many": 500}, "openvino": {"one": 100, "many": 500}}
    assert calls == [("torch", 1), ("openvino", 1), ("torch", 5), ("openvino", 5)] * 3
    calls.clear()
    measure({"torch": engine("torch", [9.0]), "openvino": engine("openvino", [9.0])}, batch)
    assert len(calls) == 4  # a slow model: one round


def test_a_real_measurement_decides(vit: Path, settings: Settings) -> None:
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    encoder.encode_pictures(pictures)
    found = facts(settings)
    for size, engine in found["engines"].items():
        torch_ms, openvino_ms = found["ms"]["torch"][size], found["ms"]["openvino"][size]
        assert torch_ms > 0 < openvino_ms
        assert (engine == "openvino") == (openvino_ms * clip_export.LEAST_GAIN <= torch_ms)
    assert found["pictures"] == len(pictures)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device"), MemoryError()])
def test_a_stopped_export_leaves_nothing(
    error: BaseException, vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = settings.models / ".clip-killed"
    killed.mkdir(parents=True)
    (killed / "half").write_text("x")
    whole = clip_export.export

    def stopped(network: Any, shape: tuple[int, ...], path: Path) -> None:
        whole(network, shape, path)
        raise error

    monkeypatch.setattr(clip_export, "export", stopped)
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            encoder.encode_pictures(pictures)
    np.testing.assert_allclose(encoder.encode_pictures(pictures), by_torch(encoder, pictures), atol=1e-5)
    assert [path for path in settings.models.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(clip_export, "export", whole)
    again = load(vit, settings)
    again.encode_pictures(pictures)
    assert facts(settings)["engines"]["many"] == "openvino"


def test_two_at_once_export_once(vit: Path, settings: Settings, exports: list[Path]) -> None:
    encoders = [load(vit, settings) for _ in range(3)]
    pictures = prepared(encoders[0])
    with ThreadPoolExecutor(3) as pool:
        vectors = list(pool.map(lambda encoder: encoder.encode_pictures(pictures), encoders))
    assert len(exports) == 1
    for found in vectors:
        np.testing.assert_allclose(found, by_torch(encoders[0], pictures), atol=1e-4)


@pytest.mark.parametrize("why", ["setting", "memory", "folder"])
def test_no_export_is_tried(
    why: str, vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    match why:
        case "setting":
            settings = settings.model_copy(update={"clip_export": False})
        case "memory":
            monkeypatch.setattr(clip_export, "free_memory", lambda: 1000)
        case "folder":
            settings.home.mkdir()
            settings.models.write_text("not a folder")
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    np.testing.assert_allclose(encoder.encode_pictures(pictures), by_torch(encoder, pictures), atol=1e-5)
    assert not exports and not settings.models.is_dir()


def test_an_engine_that_fails_hands_over_to_torch(
    vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(vit, settings)
    pictures = prepared(encoder)
    wanted = encoder.encode_pictures(pictures)

    def fail(_: object, batch: Sequence[Floats]) -> Floats:
        raise RuntimeError("bad allocation")

    monkeypatch.setattr(clip_export.PictureGraph, "run", fail)
    np.testing.assert_allclose(encoder.encode_pictures(pictures), wanted, atol=1e-4)


def test_texts_are_embedded_while_the_export_is_made(
    vit: Path, settings: Settings, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    exporting, asked = Event(), Event()
    whole = clip_export.export

    def waits(network: Any, shape: tuple[int, ...], path: Path) -> None:
        exporting.set()
        assert asked.wait(60)
        whole(network, shape, path)

    monkeypatch.setattr(clip_export, "export", waits)
    inner = load(vit, settings)
    encoder = SerialEncoder(inner)
    wanted = encoder.encode_texts(["a red car"])
    with ThreadPoolExecutor(1) as pool:
        vectors = pool.submit(encoder.encode_pictures, prepared(inner))
        assert exporting.wait(60)
        np.testing.assert_array_equal(encoder.encode_texts(["a red car"]), wanted)
        asked.set()
        while not vectors.done():  # and while the tower is traced
            np.testing.assert_allclose(encoder.encode_texts(["a red car"]), wanted, atol=1e-5)
        np.testing.assert_allclose(vectors.result(), by_torch(inner, prepared(inner)), atol=1e-4)
    assert facts(settings)["engines"]["many"] == "openvino"


def test_pictures_take_turns_with_pictures_only() -> None:
    running, go = Event(), Event()

    class Slow(ToyEncoder):
        def encode_pictures(self, batch: Any) -> Floats:
            running.set()
            assert go.wait(60)
            return super().encode_pictures(batch)

    encoder = SerialEncoder(Slow())
    blank = encoder.prepare(picture("red"))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(encoder.encode_pictures, [blank])
        assert running.wait(60)
        second = pool.submit(encoder.encode_pictures, [blank])
        assert encoder.encode_texts(["red"]).shape == (1, encoder.dimension)
        assert not first.done() and not second.done()
        go.set()
        np.testing.assert_array_equal(first.result(), second.result())


@pytest.mark.parametrize("free, batch", [(24 * 2**30, 106), (2 * 2**30, 8), (2**20, 1), (2**40, 256)])
def test_torchs_batch_is_what_half_of_the_memory_holds(free: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "free_memory", lambda: free)
    assert clip._batch_by_memory(torch, "cpu", 3 * 224 * 224 * 4) == batch
