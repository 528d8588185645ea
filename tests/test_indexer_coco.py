import json
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import NotFoundError, UsageError
from indexer.sources.datasets import DataSet, read_items
from indexer.sources.items import BoxLabel, Item
from indexer.types import Caption
from tests.datasets import box, coco, paint, write


def problems(data: DataSet) -> list[tuple[str, str]]:
    list(data)
    return [(str(one.kind), one.where) for one in data.problems.listed]


@pytest.mark.parametrize("place", [".", "annotations"])
def test_captions_and_instances_of_a_folder_together(tmp_path: Path, place: str) -> None:
    folder = coco(tmp_path) / "val2017"
    data = read_items("coco", tmp_path / place)
    person, bicycle = "person", BoxLabel("bicycle", (1.5, 2.0, 10.25, 20.0), "vehicle")
    assert list(data) == [
        Item(
            folder / "000000000001.jpg",
            "val2017",
            (Caption("A red bicycle stands there."), Caption("A bicycle.")),
            boxes=(bicycle, BoxLabel(person, (0.0, 0.0, 40.0, 30.0), person)),
        ),
        Item(
            folder / "000000000002.jpg",
            "val2017",
            (Caption("A dog."),),
            boxes=(BoxLabel(person, (3, 4, 5, 6), person),),
        ),
        Item(folder / "000000000003.jpg", "val2017"),
    ]
    assert problems(data) == [("uncaptioned", "captions_val2017.json images[2]")]


def test_one_file_alone(tmp_path: Path) -> None:
    file = coco(tmp_path) / "annotations/instances_val2017.json"
    items = list(read_items("auto", file))
    assert [len(item.boxes) for item in items] == [2, 1, 0]
    assert not any(item.captions for item in items)


def test_splits(tmp_path: Path) -> None:
    coco(tmp_path)
    paint(tmp_path / "train2017", ["9.jpg"])
    images = [{"id": 1, "file_name": "9.jpg"}]
    write(tmp_path / "annotations/captions_train2017.json", {"images": images, "annotations": [caption(1)]})
    assert [item.split for item in read_items("coco", tmp_path)] == ["train2017", *["val2017"] * 3]
    for asked, count in [("train2017", 1), ("val", 3), ("validation", 3)]:
        assert len(list(read_items("coco", tmp_path, split=asked))) == count
    with pytest.raises(UsageError, match="no split 'val2014'; it has train2017, val2017"):
        list(read_items("coco", tmp_path, split="val2014"))


def caption(image: Any, text: Any = "x") -> dict[str, Any]:
    return {"id": 1, "image_id": image, "caption": text}


def test_pictures_are_found_where_they_are_said_to_lie(tmp_path: Path) -> None:
    coco(tmp_path / "a")
    moved = (tmp_path / "a/val2017").rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"None of the 3 pictures .*000000000001\.jpg.*--images"):
        list(read_items("coco", tmp_path / "a"))
    for images in (moved, tmp_path):
        if images == tmp_path:
            moved.rename(tmp_path / "val2017")
        assert len(list(read_items("coco", tmp_path / "a", images))) == 3
    with pytest.raises(NotFoundError, match="nowhere"):
        read_items("coco", tmp_path / "a", tmp_path / "nowhere")


def test_pictures_without_captions_and_the_reverse(tmp_path: Path) -> None:
    coco(tmp_path)
    (tmp_path / "val2017/000000000002.jpg").unlink()
    paint(tmp_path / "val2017", ["stray.png"])
    data = read_items("coco", tmp_path)
    assert [item.path.name for item in data] == ["000000000001.jpg", "000000000003.jpg"]
    assert problems(data) == [
        ("missing", "captions_val2017.json images[1]"),
        ("uncaptioned", "captions_val2017.json images[2]"),
        ("unnamed", str(tmp_path / "val2017/stray.png")),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"images": [{"id": 1}, {"id": 2, "file_name": "a.jpg"}]}, ("record", "images[0]")),
        ({"images": [{"id": [1], "file_name": "b.jpg"}, {"id": 2, "file_name": "a.jpg"}]}, ("record", "images[0]")),
        ({"images": [{"id": 2, "file_name": "a.jpg"}, {"id": 2, "file_name": "b"}]}, ("conflict", "images[1]")),
        ({"annotations": [caption(7)]}, ("record", "annotations[0]")),
        ({"annotations": [3]}, ("record", "annotations[0]")),
        ({"annotations": [caption(2, " \n")]}, ("record", "annotations[0]")),
        ({"annotations": [box(2, 5, [1, 2, 3, 4])]}, ("record", "annotations[0]")),
        ({"annotations": [box(2, 1, [1, 2, 0, 4])]}, ("box", "annotations[0]")),
        ({"annotations": [box(2, 1, [1, 2, float("nan"), 4])]}, ("box", "annotations[0]")),
        ({"annotations": [box(2, 1, [1, 2, 3])]}, ("box", "annotations[0]")),
        ({"annotations": [box(2, 1, "none")]}, ("box", "annotations[0]")),
        ({"categories": [{"id": 1}]}, ("record", "categories[0]")),
    ],
)
def test_records_that_cannot_be_used_are_listed(tmp_path: Path, change: Any, expected: tuple[str, str]) -> None:
    paint(tmp_path, ["a.jpg"])
    data = {"images": [{"id": 2, "file_name": "a.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "dog"}]}
    found = read_items("coco", write(tmp_path / "x.json", data | change))
    kind, place = expected
    assert (kind, f"x.json {place}") in problems(found)
    assert [item.path.name for item in found] == ["a.jpg"]


def test_two_ids_of_one_picture_become_one(tmp_path: Path) -> None:
    paint(tmp_path, ["a.jpg"])
    images = [{"id": id, "file_name": "a.jpg"} for id in (1, 2)]
    file = write(tmp_path / "x.json", {"images": images, "annotations": [caption(1, "one"), caption(2, "two")]})
    assert [item.captions for item in read_items("coco", file)] == [(Caption("one"), Caption("two"))]


def test_categories_without_boxes_are_labels(tmp_path: Path) -> None:
    paint(tmp_path, ["a.jpg"])
    annotations = [{"id": 1, "image_id": 1, "category_id": 1}]
    data = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": annotations}
    file = write(tmp_path / "x.json", data | {"categories": [{"id": 1, "name": "dog"}]})
    assert [item.labels for item in read_items("coco", file)] == [("dog",)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"images": [{"id": 1, "file_na', "ends in the middle"),
        (b'{"images": [', "ends in the middle"),
        ('{"images": "ø"}'.encode("cp1252"), "isn't UTF-8"),
        (b"[" * 100_000, "isn't usable JSON"),
        (b"[]", "no list 'images'"),
        (b'{"images": []}', "no list 'annotations'"),
        (b'{"images": 1, }', "line 1, column"),
        (b'{"images": [], "annotations": []}', "nothing of any picture"),
        (b"", "isn't JSON"),
    ],
)
def test_files_of_another_form_are_refused_by_name(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "captions_val2017.json"
    file.write_bytes(data)
    with pytest.raises(UsageError, match=said) as caught:
        list(read_items("coco", file))
    assert file.name in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_in_unicode(tmp_path: Path, encoding: str) -> None:
    paint(tmp_path, ["a.jpg"])
    data = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [caption(1, "blåbær")]}
    (tmp_path / "x.json").write_bytes(json.dumps(data, ensure_ascii=False).encode(encoding))
    assert [item.captions for item in read_items("coco", tmp_path / "x.json")] == [(Caption("blåbær"),)]


def test_a_folder_without_annotations(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"captions_\*\.json"):
        list(read_items("coco", tmp_path))
