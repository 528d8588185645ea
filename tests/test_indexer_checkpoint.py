"""Checkpoints: what is written is what is read, and whatever else lies there is refused in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.encoders.blend import Blend
from indexer.encoders.checkpoint import CONFIG, WEIGHTS, Checkpoint
from indexer.encoders.heads import Affine, LiT
from indexer.errors import EncoderError, HomeError, NotFoundError, UsageError
from indexer.models import find
from indexer.models.trained import trained, trained_spec


def toy_lit(seed: int, features: int = 30, texts: int = 12, dimension: int = 8) -> LiT:
    rng = np.random.default_rng(seed)
    spread = 10 ** rng.uniform(-3, 2, features)  # columns differ widely in size
    maps = []
    for columns, scale in ((features, spread), (texts, 1.0)):
        weight = rng.normal(size=(dimension, columns)) * scale
        parts = (weight, rng.normal(size=columns) / scale, rng.normal(size=dimension))
        maps.append(Affine(*(part.astype(np.float32) for part in parts)))
    return LiT(*maps)


def toy_checkpoint(seed: int = 0) -> Checkpoint:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 12)).astype(np.float32), rng.normal(size=(9, 2)).astype(np.float32)
    return Checkpoint.made("embedded", "tower", Blend.even(["lit"]), toy_lit(seed), {"layer.0.weight": (a, b)})


@given(st.integers(0, 1000))
def test_eight_bits_keep_directions(seed: int) -> None:
    lit = toy_lit(seed)
    kept = Checkpoint.made("embedded", "tower", Blend.even(["lit"]), lit, {}).lit
    rng = np.random.default_rng(seed)
    scale = np.sqrt((lit.picture.weight**2).mean(axis=0))
    features = (lit.picture.mean + rng.normal(size=(5, 30)) / scale).astype(np.float32)
    cosine = (lit.pictures(features) * kept.pictures(features)).sum(axis=1)
    assert cosine.min() > 0.999


def test_written_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    made = toy_checkpoint()
    made.write(tmp_path / "a", "# card")
    made.write(tmp_path / "a", "# another card")  # in place of the first
    read = Checkpoint.read(tmp_path / "a")
    assert (read.base, read.tower, read.blend, read.digest) == ("embedded", "tower", made.blend, made.digest)
    np.testing.assert_array_equal(read.lit.picture.weight, made.lit.picture.weight)
    np.testing.assert_array_equal(read.adapters["layer.0.weight"][1], made.adapters["layer.0.weight"][1])
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["README.md", CONFIG, WEIGHTS]
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "no draft is left"


def test_damage_is_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    with pytest.raises(NotFoundError, match="There is no checkpoint in"):
        Checkpoint.read(folder)
    toy_checkpoint().write(folder, "")
    sound = {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}
    config = json.loads(sound[CONFIG])
    wrong = {
        "another hash": {WEIGHTS: sound[WEIGHTS][:-1] + b"\0\1"},
        "damaged": {CONFIG: b"{"},
        "'base'": {CONFIG: json.dumps({name: value for name, value in config.items() if name != "base"}).encode()},
        "of format 99": {CONFIG: json.dumps(config | {"format": 99}).encode()},
        WEIGHTS: {WEIGHTS: None},
    }
    for told, files in wrong.items():
        for name, data in (sound | files).items():
            (folder / name).unlink(missing_ok=True)
            if data is not None:
                (folder / name).write_bytes(data)
        with pytest.raises(EncoderError, match=told):
            Checkpoint.read(folder)


def test_names_of_checkpoints(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(NotFoundError, match=r"no checkpoint in .*models/mine"):
        load_encoder("lit:mine", settings)
    with pytest.raises(NotFoundError, match="no checkpoint in /nowhere"):
        load_encoder("lit:/nowhere", settings)
    with pytest.raises(UsageError, match="There is no encoder 'lit:'"):
        load_encoder("lit:", settings)
    toy_checkpoint().write(settings.models / "mine", "")
    (settings.models / "other").mkdir()
    (settings.models / "other/config.json").write_text('{"model_type": "bert"}')
    (settings.models / "damaged").mkdir()
    (settings.models / "damaged/config.json").write_text("{")
    (spec,) = trained(settings)
    assert (spec.name, spec.origin, spec.task) == ("lit:mine", "trained", "encoder")
    assert trained_spec("lit:mine", settings) == trained_spec(f"lit:{settings.models / 'mine'}", settings) == spec
    assert trained_spec("lit:none", settings) is None and trained_spec("embedded", settings) is None
    embedded = find("embedded")
    assert embedded is not None and spec.notice == embedded.notice


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError):
        toy_checkpoint().write(tmp_path / "file" / "a", "")
