from pathlib import Path

import pytest

from indexer.errors import UsageError
from indexer.sources.datasets import read_items
from indexer.sources.items import BoxLabel
from tests.datasets import CELEBA_NAMES, celeba, paint

NAMES = CELEBA_NAMES.split()


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_attributes_and_splits(tmp_path: Path, suffix: str) -> None:
    data = read_items("auto", celeba(tmp_path, suffix))
    first, second, third = data
    assert [item.split for item in (first, second, third)] == ["train", "val", "test"]
    assert first.attributes == {name: place % 2 == 0 for place, name in enumerate(NAMES)}
    assert second.attributes == dict.fromkeys(NAMES, False)
    assert third.attributes == dict.fromkeys(NAMES, True)
    assert len(NAMES) == 40
    assert first.path == tmp_path / "img_align_celeba/000001.jpg"
    assert not first.boxes
    assert [(str(one.kind), one.where) for one in data.problems.listed] == [("file", f"list_bbox_celeba{suffix}")]
    assert [item.path.name for item in read_items("celeba", tmp_path, split="valid")] == ["000002.jpg"]
    with pytest.raises(UsageError, match="'dev'; it has train, val, test"):
        list(read_items("celeba", tmp_path, split="dev"))


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_boxes_belong_to_the_pictures_in_the_wild(tmp_path: Path, suffix: str) -> None:
    celeba(tmp_path, suffix)
    (tmp_path / "img_align_celeba").rename(tmp_path / "img_celeba")
    data = read_items("celeba", tmp_path)
    assert [item.boxes for item in data] == [
        (BoxLabel("face", (95, 71, 226, 313)),),
        (BoxLabel("face", (72, 94, 221, 306)),),
        (),
    ]
    line = 5 if suffix == ".txt" else 4
    assert [(str(one.kind), one.where) for one in data.problems.listed] == [
        ("box", f"list_bbox_celeba{suffix} line {line}")
    ]


def test_the_folders_of_the_authors_and_of_kaggle(tmp_path: Path) -> None:
    celeba(tmp_path / "x")
    for name, folder in [("list_attr_celeba", "Anno"), ("list_eval_partition", "Eval"), ("list_bbox_celeba", "Anno")]:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / f"x/{name}.txt").rename(tmp_path / folder / f"{name}.txt")
    (tmp_path / "Img").mkdir()
    aligned = (tmp_path / "x/img_align_celeba").rename(tmp_path / "Img/img_align_celeba")
    for path in (tmp_path, tmp_path / "Anno", tmp_path / "Anno/list_attr_celeba.txt"):
        assert [item.split for item in read_items("auto", path)] == ["train", "val", "test"]
    nested = tmp_path / "k/img_align_celeba/img_align_celeba"
    celeba(tmp_path / "k", ".csv")
    nested.mkdir()
    for path in aligned.iterdir():
        path.with_name(path.name)
        (tmp_path / "k/img_align_celeba" / path.name).rename(nested / path.name)
    assert [item.path.parent for item in read_items("auto", tmp_path / "k")] == [nested] * 3


def test_aligned_pictures_as_png(tmp_path: Path) -> None:
    celeba(tmp_path)
    for path in (tmp_path / "img_align_celeba").iterdir():
        path.rename(path.with_suffix(".png"))
    (tmp_path / "img_align_celeba").rename(tmp_path / "img_align_celeba_png")
    assert [item.path.name for item in read_items("auto", tmp_path)] == ["000001.png", "000002.png", "000003.png"]


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    celeba(tmp_path)
    attributes, partition = tmp_path / "list_attr_celeba.txt", tmp_path / "list_eval_partition.txt"
    lines = attributes.read_text().splitlines()
    lines[2] = lines[2].replace("000001.jpg   1", "000001.jpg   7")
    attributes.write_text("\n".join([*lines, "000004.jpg 1 1", f"000009.jpg {'1 ' * 40}"]))
    partition.write_text("000001.jpg 0\n000002.jpg 9\n000003.jpg 2\n")
    (tmp_path / "list_bbox_celeba.txt").unlink()
    paint(tmp_path / "img_align_celeba", ["000007.jpg"])
    data = read_items("celeba", tmp_path)
    items = list(data)
    assert len(items) == 3
    assert NAMES[0] not in items[0].attributes and len(items[0].attributes) == 39
    assert [(str(one.kind), Path(one.where).name) for one in data.problems.listed] == [
        ("record", "list_eval_partition.txt line 2"),
        ("record", "list_attr_celeba.txt line 3"),
        ("file", "list_attr_celeba.txt line 4"),
        ("record", "list_attr_celeba.txt line 6"),
        ("file", "list_attr_celeba.txt line 7"),
        ("missing", "list_attr_celeba.txt line 7"),
        ("file", "list_attr_celeba.txt"),
        ("unnamed", "000007.jpg"),
    ]
    assert "3 pictures, and has 5" in data.problems.listed[6].what


def test_lists_that_are_not_there_or_have_no_heading(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"list_attr_celeba\.txt"):
        list(read_items("celeba", tmp_path))
    celeba(tmp_path)
    file = tmp_path / "list_attr_celeba.txt"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "Bald" not in line))
    with pytest.raises(UsageError, match="heading"):
        list(read_items("celeba", tmp_path))
