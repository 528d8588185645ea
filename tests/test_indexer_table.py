import csv
import datetime
import io
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import NotFoundError, UsageError
from indexer.facts import clean
from indexer.sources.datasets import DataSet, read_items
from indexer.sources.items import Item
from indexer.sources.source import Columns
from indexer.types import Caption
from tests.datasets import paint

HEAD = "image,caption,label,split,price,indoor,maker\n"
ROWS = 'a.png,"A red, round thing.",ball|toy,train,12.50,yes,Brio\nb.png,Blåbær,food,test,3,no,007\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint(tmp_path / "images", ["a.png", "b.png"])
    return tmp_path


def table(folder: Path, text: str, encoding: str = "utf-8", name: str = "table.csv") -> DataSet:
    (folder / name).write_bytes(text.encode(encoding))
    return read_items("auto", folder / name)


def kinds(data: DataSet) -> list[tuple[str, str]]:
    return [(str(one.kind), Path(one.where).name) for one in data.problems.listed]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_every_field_in_every_encoding(folder: Path, encoding: str, mark: str) -> None:
    rows = csv.reader(io.StringIO(HEAD + ROWS))
    text = io.StringIO()
    csv.writer(text, delimiter=mark).writerows(rows)
    data = table(folder, text.getvalue(), encoding, "table.tsv" if mark == "\t" else "table.csv")
    assert list(data) == [
        Item(
            folder / "images/a.png",
            "train",
            (Caption("A red, round thing."),),
            ("ball", "toy"),
            {"price": 12.5, "indoor": True, "maker": "Brio"},
        ),
        Item(
            folder / "images/b.png",
            "test",
            (Caption("Blåbær"),),
            ("food",),
            {"price": 3.0, "indoor": False, "maker": "007"},
        ),
    ]
    assert kinds(data) == ([("file", "table.csv" if mark != "\t" else "table.tsv")] if encoding == "cp1252" else [])


def test_an_encoding_that_is_named(folder: Path) -> None:
    path = folder / "table.csv"
    path.write_bytes("image,caption\na.png,żółw\n".encode("cp1250"))
    assert [item.captions for item in read_items("csv", path, encoding="cp1250")] == [(Caption("żółw"),)]
    for wrong in ("klingon", "hex"):
        with pytest.raises(UsageError, match="no text encoding"):
            list(read_items("csv", path, encoding=wrong))
    with pytest.raises(UsageError, match=r"table\.csv isn't text in utf-8.*--encoding"):
        list(read_items("csv", path, encoding="utf-8"))
    path.write_bytes(b"image,caption\na.png,\x81\xff\n")
    with pytest.raises(UsageError, match=r"table\.csv isn't text"):
        list(read_items("csv", path))


def test_rows_of_one_picture_become_one(folder: Path) -> None:
    """As Flickr30k has it: bars, a number for each of a picture's sentences, spaces after the bars."""
    text = "image_name| comment_number| comment\na.png| 0| Red.\nb.png| 0| Blue.\na.png| 1| Round.\n./a.png| 2| Red.\n"
    data = table(folder, text)
    assert [item.captions for item in data] == [(Caption("Red."), Caption("Round.")), (Caption("Blue."),)]
    assert kinds(data) == [("conflict", "table.csv line 4"), ("conflict", "table.csv line 5")]


def test_labels_that_differ_are_both_kept_and_splits_are_not(folder: Path) -> None:
    data = table(folder, "file,class,split\na.png,cat,train\na.png,dog,val\nb.png,cat,val\n")
    assert [(item.labels, item.split) for item in data] == [(("cat", "dog"), "train"), (("cat",), "val")]
    assert kinds(data) == [("conflict", "table.csv line 3")]


def test_pictures_are_found_by_path_name_address_or_number(folder: Path) -> None:
    paint(folder / "images/sub", ["7.jpg", "C D.JPG"])
    names = [folder / "images/a.png", "/home/other/images/b.png", "http://x.org/p/7.jpg?w=3", "sub\\C D.JPG", "c d.jpg"]
    data = table(folder, "path,n\n" + "".join(f'"{name}",{place}\n' for place, name in enumerate(names)))
    assert [item.path.name for item in data] == ["a.png", "b.png", "7.jpg", "C D.JPG"]
    assert kinds(data) == [("conflict", "table.csv line 6")]
    data = table(folder, "id,gender\n7,Men\n8,Women\n")
    assert [item.path.name for item in data] == ["7.jpg"]
    assert kinds(data)[0] == ("missing", "table.csv line 3")


def test_two_files_of_one_name_are_refused_with_both(folder: Path) -> None:
    paint(folder / "images/x", ["c.png"])
    paint(folder / "images/y", ["c.png"])
    with pytest.raises(UsageError, match=r"line 2: c\.png may be .*x/c\.png or .*y/c\.png"):
        list(table(folder, "image\nc.png\n"))
    assert [item.path.parent.name for item in table(folder, "image\ny/c.png\n")] == ["y"]


def test_a_folder_that_is_there_means_what_it_says(folder: Path) -> None:
    """`train/a.png` is not the a.png above, once there is a folder `train`."""
    (folder / "images/train").mkdir()
    data = table(folder, "image\ntrain/a.png\nb.png\n")
    assert [item.path.name for item in data] == ["b.png"]


def test_without_a_column_of_pictures(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"columns are 'sku', 'who'.*--column-image"):
        list(table(folder, "sku,who\na.png,me\n"))
    columns = Columns(image="sku", captions=("who",))
    assert [item.captions for item in read_items("csv", folder / "table.csv", columns=columns)] == [(Caption("me"),)]
    for wrong in (Columns(image="x"), Columns(image="sku", captions=("x",)), Columns(image="sku", labels=("x",))):
        with pytest.raises(UsageError, match="no column 'x'"):
            list(read_items("csv", folder / "table.csv", columns=wrong))


def test_rows_that_do_not_fit_are_listed(folder: Path) -> None:
    data = table(folder, "image,caption\na.png,x,y\nb.png\n\n,z\nb.png,fine\na.png,\n")
    assert [item.path.name for item in data] == ["b.png", "a.png"]
    assert kinds(data) == [
        ("record", "table.csv line 2"),
        ("record", "table.csv line 3"),
        ("record", "table.csv line 5"),
        ("uncaptioned", "a.png"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("image,caption\n", "nothing of any picture"),
        ('image,caption\na.png,"x\nb.png,y\n', "from line 3 on"),
        ('image,caption\na.png,"x" y\n', "from line 2 on"),
        ("image,caption\nnone.png,x\n", r"None of the 1 pictures .*none\.png"),
    ],
)
def test_tables_that_cannot_be_used(folder: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(table(folder, text))


def test_columns_of_one_name_and_of_none(folder: Path) -> None:
    (item,) = table(folder, ",image,note,note,caption,caption,label,label\n1,a.png,x,y,One.,Two.,cat,dog\n")
    assert item.attributes == {"column 1": 1.0, "note": "x", "note 2": "y"}
    assert (item.captions, item.labels) == ((Caption("One."), Caption("Two.")), ("cat", "dog"))


def test_missing_pictures_of_other_splits_are_not_missed(folder: Path) -> None:
    table(folder, "image,caption,split\na.png,x,dev\ngone.png,y,train\nb.png,,train\n")
    data = read_items("csv", folder / "table.csv", split="dev")
    assert [item.path.name for item in data] == ["a.png"]
    assert kinds(data) == []
    with pytest.raises(UsageError, match="no split 'test'; it has dev, train"):
        list(read_items("csv", folder / "table.csv", split="test"))


def test_types_of_columns(folder: Path) -> None:
    text = "image,a,b,c,d,e\na.png,1e3,007,true,yes,1e999\nb.png,-.5,7,,maybe,nan\n"
    first, second = table(folder, text)
    assert first.attributes == {"a": 1000.0, "b": "007", "c": True, "d": "yes", "e": "1e999"}
    assert second.attributes == {"a": -0.5, "b": "7", "d": "maybe", "e": "nan"}


def parquet(folder: Path, columns: dict[str, Any]) -> DataSet:
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "table.parquet")
    return read_items("auto", folder / "table.parquet")


def test_parquet(folder: Path) -> None:
    data = parquet(
        folder,
        {
            "file_name": ["a.png", "b.png"],
            "captions": [["One.", "Two."], []],
            "labels": [["cat", "dog"], None],
            "split": ["train", "val"],
            "width": [3, 2**60],
            "score": [0.5, float("nan")],
            "safe": [True, None],
            "day": [datetime.date(2024, 5, 1), None],
            "vector": [[1.0], [2.0]],
        },
    )
    assert list(data) == [
        Item(
            folder / "images/a.png",
            "train",
            (Caption("One."), Caption("Two.")),
            ("cat", "dog"),
            {"width": 3.0, "score": 0.5, "safe": True, "day": "2024-05-01"},
        ),
        Item(folder / "images/b.png", "val", attributes={"width": str(2**60)}),
    ]
    assert kinds(data) == [("file", "table.parquet"), ("uncaptioned", "b.png")]


def test_pictures_within_parquet(folder: Path) -> None:
    held = [{"bytes": b"\x89PNG", "path": "a.png"}]
    with pytest.raises(UsageError, match="holds the pictures themselves in 'image'"):
        list(parquet(folder, {"image": held}))
    assert len(list(parquet(folder, {"image": [{"bytes": None, "path": "a.png"}]}))) == 1


def test_damaged_and_missing_parquet(folder: Path) -> None:
    list(parquet(folder, {"image": ["a.png"] * 50}))
    whole = (folder / "table.parquet").read_bytes()
    for data in (b"", b"PAR1", whole[:-9], whole[: len(whole) // 2]):
        (folder / "table.parquet").write_bytes(data)
        with pytest.raises(UsageError, match=r"table\.parquet can't be read as Parquet"):
            list(read_items("parquet", folder / "table.parquet"))
    with pytest.raises(NotFoundError):
        read_items("parquet", folder / "none.parquet")


BEGINNINGS = ["image,caption,label,x\n", '{"image": "a.png", "captions": []}\n', "2\nA B\n", '{"images":']
CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=12)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(
    st.lists(CELLS, min_size=1, max_size=5),
    st.sampled_from([",", "\t", ";", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_what_is_read(folder: Path, cells: list[str], mark: str, encoding: str, end: str) -> None:
    text = io.StringIO()
    rows = [["image", "caption"], *(["a.png", cell] for cell in cells)]
    csv.writer(text, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    (folder / "table.csv").write_bytes(text.getvalue().encode(encoding))
    (item,) = read_items("csv", folder / "table.csv")
    expected = dict.fromkeys(said for cell in cells if (said := clean(cell.strip())))
    assert [caption.text for caption in item.captions] == list(expected)


@QUICK
@given(st.binary(max_size=300), st.sampled_from(["csv", "parquet", "jsonl", "coco", "celeba"]))
def test_random_bytes_give_our_errors_only(folder: Path, data: bytes, format: str) -> None:
    for name in ("list_attr_celeba.txt", "x"):
        (folder / name).write_bytes(data)
        try:
            list(read_items(format, folder / "x" if format != "celeba" else folder))
        except UsageError as error:
            assert str(error)


@QUICK
@given(
    st.text(max_size=120),
    st.sampled_from(["image,caption,label,x\n", '{"image": "a.png"}\n', "2\nA B\n", '{"images":']),
)
def test_random_text_after_a_good_beginning(folder: Path, text: str, begin: str) -> None:
    (folder / "x").write_text(begin + text, encoding="utf-8", errors="surrogatepass")
    (folder / "list_attr_celeba.txt").write_bytes((folder / "x").read_bytes())
    for format in ("csv", "jsonl", "coco", "celeba"):
        try:
            list(read_items(format, folder / "x" if format != "celeba" else folder))
        except UsageError as error:
            assert str(error)
