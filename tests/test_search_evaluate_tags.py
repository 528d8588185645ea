"""Figures of tags: against counting by hand, on captions and on labels, and as a command."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli import main
from indexer.encoders.headed import HeadedEncoder
from indexer.errors import UsageError
from indexer.sources.datasets import read_items
from search.evaluate_tags import evaluate_tags, figures
from tests.homes import toy_load
from tests.toys import HeadedToy, ToyEncoder


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_figures_against_counting_by_hand(seed: int, rows: int, columns: int) -> None:
    random = np.random.default_rng(seed)
    scores, truth = random.random((rows, columns)).astype(np.float32), random.random((rows, columns)) < 0.5
    told = figures(scores, truth)
    pairs = [(float(scores[r, c]), bool(truth[r, c])) for r in range(rows) for c in range(columns)]
    given_, right = [one for one in pairs if one[0] >= 0.5], sum(shown for p, shown in pairs if p >= 0.5)
    positives = sum(shown for _, shown in pairs)
    assert told["precision"] == pytest.approx(right / max(len(given_), 1))
    assert told["recall"] == pytest.approx(right / max(positives, 1))
    likely = [one for one in pairs if one[0] >= 0.05]
    bins = [[one for one in likely if min(int(np.float32(one[0]) * 10), 9) == n] for n in range(10)]
    error = sum(abs(sum(p for p, _ in some) - sum(shown for _, shown in some)) for some in bins)
    assert told["ece"] == pytest.approx(error / max(len(likely), 1), abs=1e-5)
    assert told["best_f1"] >= 0


def test_labels(photos) -> None:
    folder = photos("red/red-1", "red/red-2", "teal/teal-1", "teal/teal-2")
    told = evaluate_tags(read_items("folders", folder), ToyEncoder())
    assert (told["pictures"], told["counted"], told["failed"]) == (4, 2, [])
    assert told["map"] == 1.0  # the toy knows its colours
    assert set(told["beside"]) == {"nearest 1", "nearest 3", "nearest 5", "nearest 10", "raw score"}
    assert told["beside"]["raw score"]["f1"] == 1.0
    assert 0 <= told["ece"] <= 1
    assert told == evaluate_tags(read_items("folders", folder), ToyEncoder())


def test_captions_and_kinds(photos, tmp_path: Path) -> None:
    folder = photos(*(f"red-{n}" for n in range(6)))
    lines = [{"image": f"red-{n}.png", "captions": ["Two poodles run.", "a red thing"]} for n in range(6)]
    lines += [{"image": "gone.png", "captions": ["a dog"]}]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    told = evaluate_tags(read_items("auto", tmp_path / "captions.jsonl", folder), ToyEncoder())
    assert told["pictures"] == 6
    assert ["line 7" in one["path"] for one in told["failed"]] == [True]
    assert told["counted"] >= 3  # poodle, dog, animal
    with pytest.raises(UsageError, match="neither captions nor labels"):
        (tmp_path / "bare.csv").write_text("image,price\nred-1.png,3\n")
        evaluate_tags(read_items("csv", tmp_path / "bare.csv", folder), ToyEncoder())


def test_an_encoder_over_a_tower(photos) -> None:
    """Vectors are projected from features, and without a classifier there is no `head` to compare with."""
    encoder = HeadedToy("head:A")
    told = evaluate_tags(read_items("folders", photos("red/red-1", "teal/teal-1")), encoder)
    assert encoder.tower.read == 2
    assert not isinstance(encoder, HeadedEncoder)
    assert not [name for name in told["beside"] if name.startswith("head")]


def test_the_command(photos, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "tags", str(photos("red/red-1", "teal/teal-1")), "--home", str(tmp_path / "home")]
    assert main(command, load=toy_load) == 0
    shown = capsys.readouterr().out
    assert "precision" in shown and "nearest 10" in shown and "2 counted" in shown
    assert main([*command, "--json"], load=toy_load) == 0
    assert json.loads(capsys.readouterr().out)["counted"] == 2
