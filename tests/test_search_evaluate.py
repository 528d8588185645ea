"""Evaluation on tiny data sets with a toy encoder that knows colours."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.errors import NotFoundError, UsageError
from indexer.sources.datasets import read_items
from indexer.types import Floats, Pixels, Progress
from search.evaluate import CURVE
from search.evaluate import evaluate_captions as captions_of
from search.evaluate import evaluate_labels as labels_of
from search.prompts import CELEBA, attribute_phrase
from tests.datasets import CELEBA_NAMES, box, celeba, imagenet, paint, write
from tests.toys import ToyEncoder, picture


def evaluate_captions(data: Path, encoder: ToyEncoder, on_progress: Any = None, **where: Any) -> dict[str, Any]:
    return captions_of(read_items("auto", data, **where), encoder, *([on_progress] if on_progress else []))


def evaluate_labels(data: Path, encoder: ToyEncoder, **where: Any) -> dict[str, Any]:
    return labels_of(read_items("auto", data, **where), encoder)


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
        "captions": 12,
        "text_to_picture": perfect,
        "picture_to_text": perfect,
        "curve": {"k": list(CURVE), "text_to_picture": [1.0] * 13, "picture_to_text": [1.0] * 13},
        "failed": [],
        "problems": {"counts": {}, "listed": []},
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
    assert [Path(entry["path"]).name for entry in result["failed"]] == ["captions.jsonl line 2", "blue.png"]
    assert "missing.png" in result["failed"][0]["reason"]
    assert result["problems"]["counts"] == {"missing": 1}
    assert all(entry["reason"] for entry in result["failed"])
    for colour in COLOURS:
        (tmp_path / "images" / f"{colour}.png").unlink(missing_ok=True)
    with pytest.raises(UsageError, match="None of the 7 pictures"):
        evaluate_captions(data, ToyEncoder())
    for colour in COLOURS:
        (tmp_path / "images" / f"{colour}.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="None of the 6 pictures can be read"):
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
    (bin,) = result.pop("reliability")
    assert (bin["accuracy"], bin["pictures"]) == (1, 66)
    classes = [
        {"name": colour, "pictures": 11, "share": 1 / 6, "precision@10": 1, "average_precision": 1}
        for colour in sorted(COLOURS)
    ]
    assert result.pop("per_class") == classes
    assert result == {
        "encoder": "toy",
        "pictures": 66,
        "classes": 6,
        "accuracy": 1,
        "precision@10": 1,
        "map": 1,
        "similar_precision@10": 1,
        "chance": pytest.approx(1 / 6),
        "failed": [],
        "problems": {"counts": {}, "listed": []},
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


def test_pictures_without_captions_stay_out(tmp_path: Path) -> None:
    rows = [row("red"), {"image": "green.png", "captions": []}]
    assert evaluate_captions(write_captions(tmp_path, rows), ToyEncoder())["pictures"] == 1
    data = write(tmp_path / "captions.jsonl", json.dumps({"image": "green.png", "captions": []}))
    with pytest.raises(UsageError, match="holds no captions"):
        evaluate_captions(data, ToyEncoder())
    with pytest.raises(UsageError, match="no labels, no boxes and no attributes"):
        evaluate_labels(data, ToyEncoder())


def test_curve_against_hand_counted_figures(tmp_path: Path) -> None:
    """Of six colours, one caption names another; it comes somewhere behind, within six."""
    rows = [row(colour, colour) for colour in COLOURS[:5]] + [row("purple", "red")]
    curve = evaluate_captions(write_captions(tmp_path, rows), ToyEncoder())["curve"]
    assert curve["text_to_picture"][0] == pytest.approx(5 / 6)
    assert curve["text_to_picture"][CURVE.index(7)] == 1
    assert curve["text_to_picture"] == sorted(curve["text_to_picture"])


def test_several_labels_of_a_picture(tmp_path: Path) -> None:
    """red and blue pictures, one of them half and half: either answer is right for it."""
    red, blue, both = paint(tmp_path / "images", ["r.png", "b.png", "x.png"])
    picture("blue", (50, 30)).save(blue)
    mixed = picture("red", (60, 30))
    mixed.paste(picture("blue", (30, 30)))
    mixed.save(both)
    data = write(tmp_path / "t.csv", "image,labels\nr.png,red\nb.png,blue\nx.png,red|blue\n")
    result = evaluate_labels(data, ToyEncoder())
    assert (result["accuracy"], result["map"], result["classes"]) == (1, 1, 2)
    assert result["similar_precision@10"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert result["chance"] == pytest.approx(2 / 3)
    assert red.is_file()


def test_categories_of_boxes(tmp_path: Path) -> None:
    """Each picture's classes are its boxes' names; a picture without any stays out."""
    for place, colour in enumerate(COLOURS):
        picture(colour, (40 + place, 30)).save(tmp_path / f"{colour}.png")
    images = [{"id": place, "file_name": f"{colour}.png"} for place, colour in enumerate(COLOURS)]
    categories = [{"id": place, "name": colour} for place, colour in enumerate(COLOURS)]
    annotations = [box(place, place, [1, 1, 5, 5]) for place in range(5)] + [box(0, 0, [2, 2, 5, 5])]
    file = write(tmp_path / "x.json", {"images": images, "annotations": annotations, "categories": categories})
    result = evaluate_labels(file, ToyEncoder())
    assert (result["pictures"], result["classes"], result["accuracy"], result["map"]) == (5, 5, 1, 1)


def test_synsets_are_asked_for_by_all_their_names(tmp_path: Path) -> None:
    """Two classes of one name stay two; a class that is found by its second name only is found."""
    paint(tmp_path, ["n00000001/a.png", "n00000001/b.png"], "red")
    paint(tmp_path, ["n00000002/c.png", "n00000002/d.png"], "blue")
    write(tmp_path / "synset_words.txt", "n00000001 thing, red\nn00000002 thing, blue\n")
    result = evaluate_labels(tmp_path, ToyEncoder())
    assert (result["classes"], result["accuracy"], result["map"]) == (2, 1, 1)
    assert [one["name"] for one in result["per_class"]] == ["thing", "thing"]
    assert evaluate_labels(imagenet(tmp_path / "i"), ToyEncoder(), split="train")["classes"] == 2


def test_attributes_that_are_true_or_false(tmp_path: Path) -> None:
    """Pictures for which an attribute isn't said take no part in its figures."""
    for name, colour in [("a", "red"), ("b", "red"), ("c", "blue"), ("d", "green")]:
        picture(colour, (40 + ord(name) % 7, 30)).save(tmp_path / f"{name}.png")
    data = write(
        tmp_path / "t.csv", "image,red,blue,size\na.png,yes,no,1\nb.png,yes,no,2\nc.png,no,yes,3\nd.png,no,,4\n"
    )
    result = evaluate_labels(data, ToyEncoder())
    assert (result["classes"], result["map"], result["accuracy"], result["ece"]) == (2, 1, None, None)
    shares = {one["name"]: (one["pictures"], one["share"]) for one in result["per_class"]}
    assert shares == {"red": (2, 0.5), "blue": (1, pytest.approx(1 / 3))}


def test_celeba_attributes_are_phrases(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(ToyEncoder):
        def encode_texts(self, texts: Sequence[str]) -> Floats:
            asked.extend(texts)
            return super().encode_texts(texts)

    result = evaluate_labels(celeba(tmp_path), Listening())
    assert result["classes"] == 40
    assert {"a person with bushy eyebrows", "a photo of a person with bushy eyebrows"} <= set(asked)
    assert list(CELEBA) == CELEBA_NAMES.split()
    assert attribute_phrase("Has_Pool") == "has pool"
