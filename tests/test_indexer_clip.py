"""`clip:` on a tiny open_clip model made from a JSON config, saved and loaded from disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from huggingface_hub import constants
from PIL import Image

from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.encoders.clip import ClipEncoder
from indexer.errors import EncoderError, UsageError
from tests.toys import picture

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3], "interpolation": "bicubic"},
}
TEXTS = ["a red car", "two dogs on the grass " * 20, "", "naïve café 犬"]


def save_tiny(folder: Path, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = open_clip.CLIP(**CONFIG["model_cfg"]).eval()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG))
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "tiny"
    save_tiny(path)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, hub_timeout=0.5)


@pytest.fixture
def encoder(folder: Path, settings: Settings) -> ClipEncoder:
    loaded = load_encoder(f"clip:{folder}", settings)
    assert isinstance(loaded, ClipEncoder)
    return loaded


def noise(side: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


def test_vectors_are_those_of_the_saved_model(encoder: ClipEncoder, folder: Path, tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "again")
    pictures = [noise(32, seed) for seed in range(5)]
    with torch.inference_mode():
        tokens = open_clip.SimpleTokenizer(context_length=16)(TEXTS)
        texts = model.encode_text(tokens, normalize=True).numpy()
        arrays = np.stack([np.asarray(image) for image in pictures]).transpose(0, 3, 1, 2) / 255
        mean, std = (np.array(CONFIG["preprocess_cfg"][key]).reshape(3, 1, 1) for key in ("mean", "std"))
        normed = torch.tensor((arrays - mean) / std, dtype=torch.float32)
        wanted = model.encode_image(normed, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    prepared = [encoder.prepare(image) for image in pictures]
    np.testing.assert_allclose(encoder.encode_pictures(prepared), wanted, atol=1e-5)


def test_the_encoders_contract(encoder: ClipEncoder, folder: Path) -> None:
    assert (encoder.name, encoder.dimension, encoder.picture_size) == (f"clip:{folder}", 24, 32)
    assert encoder.notice is None
    assert encoder.encode_texts([]).shape == encoder.encode_pictures([]).shape == (0, 24)
    prepared = [encoder.prepare(picture("red", size)) for size in [(1, 1), (500, 20), (33, 70)]]
    assert {array.shape for array in prepared} == {(3, 32, 32)}
    vectors = encoder.encode_pictures(prepared)
    assert vectors.dtype == np.float32 and isinstance(prepared[0], np.ndarray)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_fingerprint_tells_weights_and_preprocessing_apart(
    encoder: ClipEncoder, folder: Path, tmp_path: Path, settings: Settings
) -> None:
    def fingerprint(path: Path) -> str:
        return load_encoder(f"clip:local-dir:{path}", settings).fingerprint

    save_tiny(tmp_path / "same")
    save_tiny(tmp_path / "weights", seed=1)
    save_tiny(tmp_path / "mean")
    changed = {**CONFIG, "preprocess_cfg": {**CONFIG["preprocess_cfg"], "mean": [0.1, 0.2, 0.3]}}
    (tmp_path / "mean" / "open_clip_config.json").write_text(json.dumps(changed))
    assert fingerprint(folder) == fingerprint(tmp_path / "same") == encoder.fingerprint
    assert len({fingerprint(tmp_path / name) for name in ("same", "weights", "mean")}) == 3


def test_out_of_memory_halves_the_batch(encoder: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = [encoder.prepare(noise(32, seed)) for seed in range(7)]
    wanted, sizes = encoder.encode_pictures(prepared), []
    whole = encoder.network.encode_image

    def starved(pixels: torch.Tensor) -> Any:
        sizes.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(pixels)

    monkeypatch.setattr(encoder, "_batch", 6)
    monkeypatch.setattr(encoder.network, "encode_image", starved)
    np.testing.assert_allclose(encoder.encode_pictures(prepared), wanted, atol=1e-5)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1, 1]


def test_not_enough_memory_for_a_single_picture(encoder: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(encoder.network, "encode_image", starved)
    with pytest.raises(EncoderError, match="more memory than there is"):
        encoder.encode_pictures([encoder.prepare(picture("red"))])


def test_model_from_the_hubs_cache_without_network(
    folder: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    save_tiny(repository / "snapshots" / ("0" * 40))
    encoder = load_encoder("clip:hf-hub:org/tiny", settings)
    local = load_encoder(f"clip:{folder}", settings)
    assert encoder.fingerprint == local.fingerprint
    np.testing.assert_array_equal(encoder.encode_texts(TEXTS), local.encode_texts(TEXTS))


@pytest.mark.parametrize(
    "name, near",
    [
        ("clip:ViT-B-32/laion2b_s34b_b79", "clip:ViT-B-32/laion2b_s34b_b79k"),
        ("clip:ViT-B32/laion2b_s34b_b79k", "clip:ViT-B-32/laion2b_s34b_b79k"),
        ("clip:ViT-B-16-SigLIP2", "clip:ViT-B-16-SigLIP2/webli"),
        ("clip:qqq/zzz", "none"),
        ("clip:hf-hub:no-organisation", "clip:hf-hub:ORG/NAME"),
        ("clip:/no/such/folder", "There is no folder"),
    ],
)
def test_unknown_models_list_close_ones(name: str, near: str, settings: Settings) -> None:
    with pytest.raises(UsageError) as error:
        load_encoder(name, settings)
    assert near in str(error.value)


@pytest.mark.parametrize(
    "broken", ["no config", "no json", "no model_cfg", "no weights", "cut weights", "other weights"]
)
def test_broken_folder_is_one_clear_sentence(broken: str, tmp_path: Path, settings: Settings) -> None:
    save_tiny(tmp_path / "m")
    config, weights = tmp_path / "m" / "open_clip_config.json", tmp_path / "m" / "open_clip_pytorch_model.bin"
    match broken:
        case "no config":
            config.unlink()
        case "no json":
            config.write_text("{")
        case "no model_cfg":
            config.write_text("{}")
        case "no weights":
            weights.unlink()
        case "cut weights":
            weights.write_bytes(weights.read_bytes()[:1000])
        case "other weights":
            torch.save({"visual.proj": torch.zeros(3, 3)}, weights)
    with pytest.raises(EncoderError) as error:
        load_encoder(f"clip:{tmp_path / 'm'}", settings)
    assert str(tmp_path / "m") in str(error.value) and "\n" not in str(error.value)
