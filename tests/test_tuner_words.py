"""Looks by words: which words are known, what the encoder decides, and how far it may go."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from indexer.config import Settings
from indexer.errors import StoppedError, UsageError
from indexer.types import Floats
from tests.shelf import Shelf
from tuner.guided import words as module
from tuner.guided.axes import AXES, MATRIX, along
from tuner.guided.lexicon import LOOKS, read_prompt
from tuner.guided.operation import OPERATION, GuidedParameters
from tuner.guided.sketch import Sketch
from tuner.guided.words import words_look
from tuner.operations import read_parameters
from tuner.raster import Raster, from_bytes, reduced
from tuner.repair.lab import to_lab
from tuner.work import Work

PICTURE = reduced(from_bytes(np.ascontiguousarray(data.coffee())), 64)
SHELF = Shelf({1: PICTURE})


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path), pictures=SHELF)


def mean(rgb: Floats, axis: int) -> float:
    return float(to_lab(rgb)[..., axis].mean())


def chroma(rgb: Floats) -> float:
    return float(np.hypot(*np.moveaxis(to_lab(rgb)[..., 1:], 2, 0)).mean())


def tuned(prompt: str, work: Work, **more: object) -> Floats:
    return OPERATION.apply(PICTURE, read_parameters(OPERATION, {"prompt": prompt, **more}), work).rgb


@pytest.mark.parametrize(
    ("prompt", "of", "sign"),
    [
        ("warm", lambda rgb: mean(rgb, 2), 1),
        ("cold", lambda rgb: mean(rgb, 2), -1),
        ("bright", lambda rgb: mean(rgb, 0), 1),
        ("dark", lambda rgb: mean(rgb, 0), -1),
        ("vivid", chroma, 1),
        ("faded", chroma, -1),
        ("high contrast", lambda rgb: to_lab(rgb)[..., 0].std(), 1),
        ("less contrast", lambda rgb: to_lab(rgb)[..., 0].std(), -1),
        ("film look", lambda rgb: to_lab(rgb)[..., 0].min(), 1),
    ],
)
def test_known_words_move_what_they_name(prompt: str, of: object, sign: int, work: Work) -> None:
    assert sign * (of(tuned(prompt, work)) - of(PICTURE.rgb)) > 0.2  # type: ignore[operator]


def test_black_and_white_is_grey(work: Work) -> None:
    alone = Work(work.settings)  # the shelf's encoder sees nothing but colour: to it, grey is another picture
    assert chroma(tuned("a black and white photo", alone)) < 1


def test_more_of_it_goes_further_the_same_way(work: Work) -> None:
    rows = [mean(tuned("warm", work, strength=strength), 2) for strength in (0, 0.5, 1, 1.5, 2)]
    assert rows == sorted(rows) and len(set(rows)) == 5
    assert np.array_equal(tuned("warm", work, strength=0), PICTURE.rgb)


def test_a_prompt_is_read_in_parts() -> None:
    reading = read_prompt("A very warm, black and white film look with less contrast, zzz", None)
    assert [look for _, look in reading.known] == ["warm", "black and white and film", "high contrast"]
    assert reading.unknown == ("zzz",)
    slightly, plainly, very = (read_prompt(f"{word} warm", None).numbers for word in ("slightly", "", "very"))
    assert np.allclose(slightly, 0.5 * plainly) and np.allclose(very, 1.4 * plainly)
    assert np.allclose(read_prompt("warm and dark", None).numbers, along(warmth=0.8, brightness=-0.8))
    assert not read_prompt("", None).known


def test_a_word_is_taken_for_its_nearest(work: Work) -> None:
    assert work.pictures is not None
    reading = read_prompt("brightest, quux", work.pictures.meanings)  # the shelf compares the first four letters
    assert reading.known == (("brightest", "bright"),) and reading.unknown == ("quux",)


def test_every_look_of_the_table_is_within_range_and_listed_once() -> None:
    listed = [word for words in LOOKS for word in words.split(", ")]
    assert len(listed) == len(set(listed))
    assert all(0 < np.abs(numbers).max() <= 1.5 for numbers in LOOKS.values())
    assert MATRIX.shape[0] == len(AXES) and np.abs(MATRIX).max() <= 1


@pytest.mark.parametrize("colour", ["cyan", "navy", "magenta"])
def test_what_is_not_known_goes_where_the_encoder_points(colour: str, work: Work) -> None:
    """The shelf's encoder is the mean colour, so any move can be had: it must be made, and be told truly."""
    found = words_look(PICTURE, f"zzz {colour}", work)
    assert found.reading.unknown == (f"zzz {colour}",) and found.agreement is not None and found.agreement > 0.5
    wanted, neutral = SHELF.texts([colour, "a photograph"])
    before, after = SHELF.vectors([PICTURE, Sketch(PICTURE).under(found.look.numbers)])
    move, way = after - before, wanted - neutral
    assert move @ way / np.linalg.norm(move) / np.linalg.norm(way) == pytest.approx(found.agreement, abs=1e-3)


def test_the_same_seed_finds_the_same_look(work: Work) -> None:
    first, again = (words_look(PICTURE, "zzz cyan", work).look.numbers for _ in range(2))
    assert np.array_equal(first, again)


def test_a_look_that_goes_too_far_is_made_weaker(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    free = words_look(PICTURE, "very blue, dark", work)
    assert free.cosine is not None and not work.notes
    monkeypatch.setattr(module, "DRIFT", (1 + free.cosine) / 2)
    bound = words_look(PICTURE, "very blue, dark", work)
    assert bound.cosine is not None and bound.cosine >= module.DRIFT
    assert np.abs(bound.look.numbers).max() < np.abs(free.look.numbers).max()
    assert any("weaker" in note for note in work.notes)


def test_the_record_needs_no_search(work: Work) -> None:
    made = tuned("zzz cyan", work)
    record = {"prompt": "zzz cyan", **work.choices}
    alone = Work(work.settings)  # no collection any more
    assert np.array_equal(OPERATION.apply(PICTURE, read_parameters(OPERATION, record), alone).rgb, made)
    assert alone.choices == work.choices


def test_what_is_wrong_is_said(work: Work) -> None:
    for given in ({"method": "words"}, {"prompt": "warm", "look": "film"}):
        with pytest.raises(UsageError, match="guided needs one of"):
            OPERATION.apply(PICTURE, read_parameters(OPERATION, given), work)
    with pytest.raises(UsageError, match="leave method out"):
        OPERATION.apply(PICTURE, GuidedParameters(prompt="warm", method="taste"), work)
    for wrong in ({"prompt": ""}, {"prompt": "x" * 501}, {"strength": 2.1}):
        with pytest.raises(UsageError):
            read_parameters(OPERATION, wrong)
    work.should_stop = lambda: True
    with pytest.raises(StoppedError):
        words_look(PICTURE, "zzz", work)


def test_grey_and_tiny_pictures_are_no_surprise(work: Work) -> None:
    for rgb in (np.full((1, 1, 3), 0.5, np.float32), np.repeat(PICTURE.rgb[..., :1], 3, 2)):
        outcome = OPERATION.apply(Raster(rgb), GuidedParameters(prompt="warm, vivid"), work).rgb
        assert outcome.shape == rgb.shape and np.isfinite(outcome).all() and mean(outcome, 2) > mean(rgb, 2)
