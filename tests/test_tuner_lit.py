"""Locked-image tuning on pictures of two colours each, whose names the text tower has never seen."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.config import Settings
from indexer.encoders import checkpoint as checkpoints
from indexer.encoders import load_encoder
from indexer.encoders.blend import Blend
from indexer.encoders.checkpoint import Checkpoint
from indexer.errors import EncoderError, UsageError
from indexer.models.trained import trained
from indexer.sources.items import Item
from indexer.types import Caption, Progress
from tests.towers import ToyTowers
from tests.toys import COLOURS, picture
from tuner.learn import session
from tuner.learn.data import MIN_PICTURES, Pairs, pairs_of
from tuner.learn.lit import Recipe
from tuner.learn.session import Result, tune_lit

QUICK = Recipe(epochs=6, batch=64, dimension=16, rank=4, lr=3e-2, dropout=(0.0, 0.0), holdout=0.2, patience=6)
TRANSLATED = {colour: f"farbe{number}" for number, colour in enumerate(COLOURS)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """120 pictures with a caption for each half; the words are nowhere near those that towers know."""
    folder = tmp_path_factory.mktemp("pairs")
    items = []
    for left, right in itertools.combinations(COLOURS, 2):
        image = picture(left, (64, 64))
        image.paste(picture(right, (32, 64)), (32, 0))
        path = folder / f"{left}-{right}.png"
        image.save(path)
        texts = (f"{TRANSLATED[left]} neben {TRANSLATED[right]}", f"{TRANSLATED[right]} bei {TRANSLATED[left]}")
        items.append(Item(path, captions=tuple(Caption(text) for text in texts)))
    return items


@pytest.fixture
def toy_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """`toy` has towers to train on."""
    monkeypatch.setitem(checkpoints.BASES, "toy", "tests.test_tuner_lit:toy_towers")
    monkeypatch.setitem(session.BLENDS, "toy", Blend.even(["lit", "shared"]))


def toy_towers(_name: str, _settings: Settings) -> ToyTowers:
    return ToyTowers()


def run(items: list[Item], home: Path, recipe: Recipe = QUICK, **how: Any) -> Result | None:
    settings = Settings(home=home)
    pairs = pairs_of(items, "toy captions")
    how = {"on_progress": lambda _: None, **how}
    return tune_lit("toy", pairs, recipe, settings.models / "mine", settings, **how)


@pytest.mark.parametrize("unlock", ["none", "text"])
def test_training_makes_words_meet_pictures(unlock: str, pictures: list[Item], toy_base: None, tmp_path: Path) -> None:
    stages: list[Progress] = []

    def note(progress: Progress) -> None:
        stages.append(replace(progress))

    result = run(pictures, tmp_path, replace(QUICK, unlock=unlock), on_progress=note)  # type: ignore[arg-type]
    assert result is not None and not result.failed
    before, after = (result.figures[name]["text_to_picture recall@5"] for name in ("before", "trained part alone"))
    assert after > 0.8 > 0.5 > before
    phases = {stage.stage for stage in stages}
    assert phases >= {"features", "captions", "train heads"} and ("train adapters" in phases) == (unlock == "text")
    assert all(stage.total is None or stage.done <= stage.total for stage in stages)
    assert bool(result.checkpoint.adapters) == (unlock == "text")
    settings = Settings(home=tmp_path)
    encoder = load_encoder("lit:mine", settings)
    read = ToyTowers()
    shown = encoder.encode_pictures([read.prepare(picture("red")), read.prepare(picture("blue"))])
    scores = encoder.encode_texts([TRANSLATED["red"], TRANSLATED["blue"]]) @ shown.T
    assert scores[0, 0] > scores[0, 1] and scores[1, 1] > scores[1, 0]
    assert [spec.name for spec in trained(settings)] == ["lit:mine"]
    card = (settings.models / "mine/README.md").read_text()
    assert "toy captions" in card and "| seed | 0 |" in card and result.checkpoint.digest in card
    assert not list((tmp_path / "cache/training").glob("*")), "what was needed to go on is gone"


def test_a_seed_gives_one_result_stopped_or_not(pictures: list[Item], toy_base: None, tmp_path: Path) -> None:
    recipe = replace(QUICK, unlock="text", epochs=3)
    whole = run(pictures, tmp_path / "whole", recipe)
    assert whole is not None
    stops = 0
    stopped: Result | None = None
    while stopped is None:
        calls = itertools.count()
        stops += 1
        # Later each time: within the features, then within one epoch after another.
        last = 3 * stops
        stopped = run(pictures, tmp_path / "stopped", recipe, should_stop=lambda n=calls, m=last: next(n) > m)  # type: ignore[misc]
    assert stops > 2
    assert stopped.checkpoint.digest == whole.checkpoint.digest
    assert stopped.checkpoint.facts["history"] == whole.checkpoint.facts["history"]
    other = run(pictures, tmp_path / "other", replace(recipe, seed=1))
    assert other is not None and other.checkpoint.digest != whole.checkpoint.digest


def test_features_are_computed_once_whatever_the_recipe(
    pictures: list[Item], toy_base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(pictures, tmp_path, replace(QUICK, epochs=1)) is not None

    def refuse(*_: object) -> None:
        raise AssertionError("a picture was read again")

    monkeypatch.setattr(ToyTowers, "prepare", refuse)
    assert run(pictures, tmp_path, replace(QUICK, epochs=2, dimension=8)) is not None


def test_too_few_pictures_say_how_many_are_needed(pictures: list[Item], toy_base: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"10 pictures with captions are too few.*at least {MIN_PICTURES}"):
        pairs_of(pictures[:10], "few")
    silent = [replace(item, captions=()) for item in pictures[MIN_PICTURES - 1 :]]
    with pytest.raises(UsageError, match=f"{len(silent)} without captions in 'en'"):
        pairs_of([*pictures[: MIN_PICTURES - 1], *silent], "few")
    with pytest.raises(UsageError, match="too few"):
        pairs_of([replace(item, captions=(Caption("ein Hund", "de"),)) for item in pictures], "German")


def test_unreadable_pictures_are_listed_and_left_out(pictures: list[Item], toy_base: None, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    items = [
        *pictures,
        Item(bad, captions=(Caption("nothing"),)),
        Item(tmp_path / "gone.png", captions=(Caption("x"),)),
    ]
    result = run(items, tmp_path / "home", replace(QUICK, epochs=1))
    assert result is not None
    assert set(result.failed) == {str(bad), str(tmp_path / "gone.png")}
    assert result.checkpoint.facts["pictures"] + result.checkpoint.facts["held_out_pictures"] == len(pictures)
    few = [Item(bad, captions=(Caption("x"),)), *pictures[: MIN_PICTURES - 1]]
    with pytest.raises(UsageError, match="1 that can't be read"):
        run(few, tmp_path / "home")


def test_one_caption_a_picture_and_the_same_for_several_train_too(
    pictures: list[Item], toy_base: None, tmp_path: Path
) -> None:
    items = [replace(item, captions=(Caption(item.path.stem.split("-")[0]),)) for item in pictures]
    result = run(items, tmp_path, replace(QUICK, epochs=2))
    assert result is not None and np.isfinite(result.checkpoint.lit.picture.weight).all()


def test_a_checkpoint_of_other_towers_is_refused(
    pictures: list[Item], toy_base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(pictures, tmp_path, replace(QUICK, epochs=1)) is not None
    monkeypatch.setattr(ToyTowers, "fingerprint", "other weights")
    with pytest.raises(EncoderError, match="lit:mine was trained on other weights of toy"):
        load_encoder("lit:mine", Settings(home=tmp_path))


def test_the_data_decide_where_a_run_goes_on(pictures: list[Item]) -> None:
    one, other = (
        pairs_of(pictures, "x"),
        pairs_of([replace(pictures[0], captions=(Caption("new"),)), *pictures[1:]], "x"),
    )
    assert one.digest == pairs_of(list(reversed(pictures)), "y").digest != other.digest
    assert isinstance(one, Pairs) and len(one.pairs) == len(pictures)


def test_checkpoints_are_read_as_they_were_measured(pictures: list[Item], toy_base: None, tmp_path: Path) -> None:
    result = run(pictures, tmp_path, replace(QUICK, epochs=1, unlock="text"))
    assert result is not None
    read = Checkpoint.read(result.folder)
    for side, part in itertools.product(("picture", "text"), ("weight", "mean", "bias")):
        kept, measured = (getattr(getattr(one.lit, side), part) for one in (read, result.checkpoint))
        np.testing.assert_array_equal(kept, measured)
    assert read.adapters.keys() == result.checkpoint.adapters.keys()
    assert read.digest == result.checkpoint.digest and read.facts["held_out"] == dict(result.figures)
