"""Locked-image tuning over a CLIP model: a tiny one, made from a JSON config and loaded from its folder."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.encoders.adapters import adapt, merge
from indexer.encoders.checkpoint import load_towers
from indexer.encoders.clip_towers import ClipTowers
from indexer.errors import EncoderError
from indexer.sources.items import Item
from indexer.types import Caption
from search.engine import Engine
from tests.test_indexer_clip import save_tiny
from tests.toys import COLOURS, picture
from tuner.learn.data import pairs_of
from tuner.learn.lit import Recipe
from tuner.learn.session import tune_lit

RECIPE = Recipe(unlock="text", epochs=2, batch=32, dimension=8, rank=2, lr=1e-2)


@pytest.fixture
def clip(tmp_path: Path) -> str:
    save_tiny(tmp_path / "tiny")
    return f"clip:{tmp_path / 'tiny'}"


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    found = []
    (tmp_path / "pictures").mkdir()
    for number, (one, other) in enumerate(itertools.islice(itertools.combinations(COLOURS, 2), 70)):
        path = tmp_path / "pictures" / f"{one}-{other}.png"
        image = picture(one, (48 + number, 48))
        image.paste(picture(other, (20, 48)))
        image.save(path)
        found.append(Item(path, captions=(Caption(f"{one} and {other}"),)))
    return found


def test_adapters_change_the_text_part_only_and_merge_to_the_same(clip: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    towers = load_towers(clip, settings)
    assert isinstance(towers, ClipTowers)
    module, tokenize = towers.text_module()
    before = towers.embed(["a red car"])
    with torch.inference_mode():
        np.testing.assert_allclose(module(*tokenize(["a red car"])).numpy(), before, atol=1e-5)
    trained = adapt(module, 2)
    assert any(name.endswith("in_proj_weight") for name in trained), "attention learns too"
    assert not any("visual" in name for name in trained)
    learns = {id(tensor) for pair in trained.values() for tensor in pair}
    assert all(parameter.requires_grad == (id(parameter) in learns) for parameter in module.parameters())
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, b in trained.values():
            b += torch.randn(b.shape, generator=generator) * 0.3
        wanted = module(*tokenize(["a red car"])).numpy()
    arrays = {name: (a.detach().numpy(), b.detach().numpy()) for name, (a, b) in trained.items()}
    tuned = load_towers(clip, settings).tuned(arrays, "digest")
    np.testing.assert_allclose(tuned.embed(["a red car"]), wanted, atol=1e-4)
    assert np.abs(wanted - before).max() > 0.01
    assert tuned.fingerprint == towers.fingerprint and tuned.text_fingerprint != towers.text_fingerprint


def test_adapters_of_another_model_are_refused() -> None:
    module = torch.nn.Linear(4, 3)
    with pytest.raises(EncoderError, match=r"no matrix other\.weight"):
        merge(module, {"other.weight": (np.zeros((1, 4), np.float32), np.zeros((3, 1), np.float32))})
    with pytest.raises(EncoderError, match="no matrix weight of their shape"):
        merge(module, {"weight": (np.zeros((1, 5), np.float32), np.zeros((3, 1), np.float32))})


def test_tuned_clip_is_an_encoder_whose_index_reads_no_picture_again(
    clip: str, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home", encoder=clip, workers=2)
    result = tune_lit(
        clip, pairs_of(items, "colours"), RECIPE, settings.models / "mine", settings, on_progress=lambda _: None
    )
    assert result is not None and set(result.checkpoint.blend.pictures) == {"lit", "shared"}
    with Collection(settings) as collection:
        collection.index([tmp_path / "pictures"])
        plain = Engine(collection).search("red and green", k=70, show_all=True)
        monkeypatch.setattr(ClipTowers, "prepare", None)  # whoever reads a picture fails
        report = collection.index(encoder="lit:mine")
        assert (report.projected, report.embedded, report.failed) == (len(items), 0, [])
        tuned = Engine(collection).search("red and green", k=70, show_all=True)
    assert (plain.encoder, tuned.encoder) == (clip, "lit:mine")
    assert {hit.id for hit in plain.results} == {hit.id for hit in tuned.results}
    encoder = load_encoder("lit:mine", settings)
    assert encoder.dimension == 24 + RECIPE.dimension
