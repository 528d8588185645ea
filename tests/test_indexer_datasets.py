"""Which format a path is of, and what all formats have in common."""

import json
from pathlib import Path

import pytest

from indexer.errors import NotFoundError, UsageError
from indexer.sources.datasets import LOADERS, detect, read_items
from indexer.sources.problems import MAX_LISTED, Kind, Problems
from indexer.sources.source import Splits
from indexer.types import Caption
from tests.datasets import celeba, coco, imagenet, paint, write


def lines(path: Path, *rows: object) -> Path:
    return write(path, "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))


def test_formats_are_told_by_names(tmp_path: Path) -> None:
    for name, make in (("coco", coco), ("imagenet", imagenet), ("celeba", celeba)):
        assert detect(make(tmp_path / name)) == name
    assert detect(coco(tmp_path / "coco") / "annotations/captions_val2017.json") == "coco"
    for name, suffix in [("csv", ".csv"), ("csv", ".TSV"), ("parquet", ".parquet"), ("jsonl", ".jsonl")]:
        folder = tmp_path / f"only{suffix}"
        file = write(folder / f"a{suffix}", "")
        assert detect(file) == name
        paint(folder / "images", ["a.png"])
        assert detect(folder) == name
    paint(tmp_path / "classes", ["dog/a.png"])
    assert detect(tmp_path / "classes") == "folders"
    for path in (write(tmp_path / "a.xyz", ""), paint(tmp_path / "flat", ["a.png"])[0].parent):
        with pytest.raises(UsageError, match="coco, imagenet, celeba, csv, parquet, jsonl, folders"):
            detect(path)


def test_wrong_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"'voc': choose one of {', '.join(LOADERS)}"):
        read_items("voc", tmp_path)
    with pytest.raises(NotFoundError, match="no file or folder"):
        read_items("auto", tmp_path / "none")
    write(tmp_path / "a.csv", "")
    write(tmp_path / "b.csv", "")
    with pytest.raises(UsageError, match=r"must hold one csv file, and has a\.csv, b\.csv"):
        read_items("csv", tmp_path)


def test_a_data_set_can_be_read_again(tmp_path: Path) -> None:
    paint(tmp_path / "images", ["a.png", "b.png"])
    data = read_items("auto", lines(tmp_path / "c.jsonl", {"image": "a.png", "captions": ["x"], "split": "dev"}))
    for _ in range(2):
        assert [(item.path.name, item.split, item.captions) for item in data] == [("a.png", "dev", (Caption("x"),))]
        assert data.problems.counts == {Kind.UNNAMED: 1}


def test_json_lines(tmp_path: Path) -> None:
    paint(tmp_path / "images", ["a.png", "b.png"])
    rows = [
        {"image": "a.png", "captions": ["One.", "Two.\u2028"], "split": "dev"},
        "\n",
        {"image": "gone.png", "captions": ["x"], "split": "test"},
        {"image": "a.png", "captions": ["Three.", "One."]},
        {"image": "b.png", "captions": ["\ud800"]},
    ]
    data = read_items("jsonl", lines(tmp_path / "c.jsonl", *rows))
    assert [item.captions for item in data] == [(Caption("One."), Caption("Two."), Caption("Three.")), ()]
    assert [(str(one.kind), Path(one.where).name) for one in data.problems.listed] == [
        ("missing", "c.jsonl line 3"),
        ("uncaptioned", "b.png"),
    ]
    with pytest.raises(UsageError, match="None of the 1 pictures"):
        list(read_items("jsonl", tmp_path / "c.jsonl", split="test"))


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path, ["dog/a.png"])
    data = read_items("folders", tmp_path)

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    for action in (lambda: list(data), lambda: read_items("auto", tmp_path)):
        with pytest.raises(NotFoundError, match=f"{tmp_path.name}.* can't be read: Permission denied"):
            action()


def test_folders_named_by_what_they_show(tmp_path: Path) -> None:
    paint(tmp_path / "plain", ["yin_yang/a.png", "yin_yang/deep/b.png", "dog/c.png", "stray.png", ".hidden/d.png"])
    (tmp_path / "plain/dog/notes.txt").touch()
    data = read_items("auto", tmp_path / "plain")
    assert [(item.path.name, item.labels, item.split) for item in data] == [
        ("c.png", ("dog",), None),
        ("a.png", ("yin yang",), None),
        ("b.png", ("yin yang",), None),
    ]
    assert [Path(one.where).name for one in data.problems.of(Kind.UNLABELLED)] == ["stray.png"]
    paint(tmp_path / "parts", ["train/dog/a.png", "valid/dog/b.png"])
    assert [item.split for item in read_items("auto", tmp_path / "parts")] == ["train", "valid"]
    assert [item.path.name for item in read_items("auto", tmp_path / "parts", split="val")] == ["b.png"]
    with pytest.raises(UsageError, match="'test'; it has train, valid"):
        list(read_items("auto", tmp_path / "parts", split="test"))


@pytest.mark.parametrize(
    ("name", "asked", "taken"),
    [
        ("val2017", "val", True),
        ("val2017", "validation2017", True),
        ("val2014", "val2017", False),
        ("val", "val2017", False),
        ("Training", "train", True),
        ("dev", "val", False),
        (None, "val", False),
        (None, None, True),
        ("anything", None, True),
    ],
)
def test_names_of_splits(name: str | None, asked: str | None, taken: bool) -> None:
    assert Splits(asked).takes(name) is taken


def test_very_many_problems_are_counted_and_the_first_listed() -> None:
    problems = Problems()
    for number in range(MAX_LISTED + 5):
        problems.add(Kind.MISSING, f"line {number}", "gone")
    problems.add(Kind.BOX, "line 1", "no area")
    assert problems.as_dict()["counts"] == {"missing": MAX_LISTED + 5, "box": 1}
    assert len(problems.listed) == MAX_LISTED + 1
    json.dumps(problems.as_dict())
