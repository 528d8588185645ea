"""Evaluation on tiny data sets with a toy encoder that knows colours."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import NotFoundError, UsageError
from indexer.types import Floats, Pixels, Progress
from search.evaluate import evaluate_captions, evaluate_labels
from tests.toys import ToyEncoder, picture

COLOURS = ["red", "green", "blue", "yellow", "orange", "purple"]


def write_captions(folder: Path, rows: list[object]) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    for colour in COLOURS:
        picture(colour).save(folder / "images" / f"{colour}.png")
    data = folder / "captions.jsonl"
    data.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n\n")
    return data


def row(colour: str, *captions: str, split: str = "dev") -> dict[str, object]:
    return {"image": f"{colour}.png", "split": split, "captions": list(captions or [f"a {colour} thing"])}


def test_right_captions_are_found(tmp_path: Path) -> None:
    data = write_captions(tmp_path, [row(colour, f"{colour} one", f"{colour} two") for colour in COLOURS])
    steps: list[Progress] = []
    result = evaluate_captions(data, ToyEncoder(), on_progress=steps.append)
    perfect = {"recall@1": 1.0, "recall@5": 1.0, "recall@10": 1.0}
    assert result == {
        "encoder": "toy",
        "pictures": 6,
        "text_to_picture": perfect,
        "picture_to_text": perfect,
        "failed": [],
    }
    assert (steps[-1].done, steps[-1].total) == (6, 6)
    json.dumps(result)


def test_wrong_captions_count(tmp_path: Path) -> None:
    """red has a good and a bad caption; green and blue have each other's."""
    rows = [row("red", "red", "blue"), row("green", "blue"), row("blue", "green"), row("yellow")]
    result = evaluate_captions(write_captions(tmp_path, rows), ToyEncoder())
    assert result["text_to_picture"]["recall@1"] == pytest.approx(2 / 5)
    assert result["text_to_picture"]["recall@5"] == 1
    assert result["picture_to_text"]["recall@1"] == pytest.approx(2 / 4)


def test_split_and_images(tmp_path: Path) -> None:
    data = write_captions(tmp_path, [row("red"), row("green", split="train"), row("blue", split="train")])
    moved = (tmp_path / "images").rename(tmp_path / "elsewhere")
    assert evaluate_captions(data, ToyEncoder(), images=moved, split="train")["pictures"] == 2
    assert evaluate_captions(data, ToyEncoder(), images=moved)["pictures"] == 3
    with pytest.raises(UsageError, match="'test'; it has dev, train"):
        evaluate_captions(data, ToyEncoder(), images=moved, split="test")


def test_unreadable_pictures_are_left_out_and_listed(tmp_path: Path) -> None:
    data = write_captions(tmp_path, [row(colour) for colour in ["red", "missing", *COLOURS[1:]]])
    (tmp_path / "images" / "blue.png").write_bytes(b"no picture")
    result = evaluate_captions(data, ToyEncoder())
    assert result["pictures"] == 5
    assert result["text_to_picture"]["recall@1"] == 1
    assert [Path(entry["path"]).name for entry in result["failed"]] == ["missing.png", "blue.png"]
    assert all(entry["reason"] for entry in result["failed"])
    for colour in COLOURS:
        (tmp_path / "images" / f"{colour}.png").unlink(missing_ok=True)
    with pytest.raises(UsageError, match="None of the 7 pictures"):
        evaluate_captions(data, ToyEncoder())


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '"text"', "3", "{}", '{"image": "a.png"}', '{"image": 3, "captions": []}']
    + [json.dumps({"image": "a.png", "captions": captions}) for captions in ("a text", [1], 7, None)],
)
def test_malformed_lines_are_named(line: str, tmp_path: Path) -> None:
    data = write_captions(tmp_path, [row("red"), line])
    with pytest.raises(UsageError, match=r"Line 2 of .*captions\.jsonl"):
        evaluate_captions(data, ToyEncoder())


def test_missing_and_empty_data(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    for name, error in [("none.jsonl", NotFoundError), ("binary.jsonl", UsageError), ("empty.jsonl", UsageError)]:
        with pytest.raises(error, match=name):
            evaluate_captions(tmp_path / name, ToyEncoder())
    with pytest.raises(NotFoundError, match="none"):
        evaluate_labels(tmp_path / "none", ToyEncoder())
    with pytest.raises(UsageError, match="no folders of pictures"):
        evaluate_labels(tmp_path, ToyEncoder())


def write_labels(folder: Path, shown: dict[str, list[str]]) -> Path:
    for label, colours in shown.items():
        (folder / label).mkdir()
        for number, colour in enumerate(colours):
            picture(colour).save(folder / label / f"{number}.png")
    return folder


def test_labels_of_separate_colours_are_perfect(tmp_path: Path) -> None:
    data = write_labels(tmp_path, {colour: [colour] * 11 for colour in COLOURS})
    (data / "red" / "notes.txt").write_text("no picture")
    (data / ".hidden").mkdir()
    result = evaluate_labels(data, ToyEncoder())
    assert result.pop("ece") == pytest.approx(0, abs=0.01)
    assert result == {
        "encoder": "toy",
        "pictures": 66,
        "classes": 6,
        "accuracy": 1,
        "precision@10": 1,
        "map": 1,
        "similar_precision@10": 1,
        "failed": [],
    }


def test_labels_against_hand_counted_figures(tmp_path: Path) -> None:
    """A red picture lies among the blue: found by `red`, similar to the red ones, and its label is wrong."""
    data = write_labels(tmp_path, {"dark_red": ["red"] * 2, "dark-blue": ["blue"] * 2 + ["red"]})
    result = evaluate_labels(data, ToyEncoder())
    assert result["accuracy"] == pytest.approx(4 / 5)
    assert result["precision@10"] == pytest.approx((2 / 5 + 3 / 5) / 2)
    # red: the stray one ties with both reds and comes first; blue: 1, 2, then 3rd of three reds, tied, last
    assert result["map"] == pytest.approx(((1 / 2 + 2 / 3) / 2 + (1 + 1 + 3 / 5) / 3) / 2)
    assert result["similar_precision@10"] == pytest.approx((1 + 1 + 2 + 2 + 2) / 4 / 5)
    assert 0 <= result["ece"] <= 1


def test_batches_give_what_one_by_one_gives(tmp_path: Path) -> None:
    """More pictures than a batch, some unreadable at the batches' edges."""
    data = write_labels(tmp_path, {"red": ["red"] * 20, "blue": ["blue"] * 25})
    for broken in ("blue/15.png", "red/0.png"):
        (data / broken).write_bytes(b"")

    class OneByOne(ToyEncoder):
        def encode_pictures(self, batch: Sequence[Pixels]) -> Floats:
            sizes.append(len(batch))
            return np.concatenate([super(OneByOne, self).encode_pictures([item]) for item in batch])

    sizes: list[int] = []
    assert evaluate_labels(data, OneByOne()) == evaluate_labels(data, ToyEncoder())
    assert sum(sizes) == 43 and max(sizes) <= 16
