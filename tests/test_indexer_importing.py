"""Data sets into the catalogue, on both databases."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, inspect, select

from indexer.collection import Collection
from indexer.config import Settings
from indexer.database import MIGRATIONS, _upgrade
from indexer.errors import EncoderError, UsageError
from indexer.importing import Imported, import_items
from indexer.records import Record
from indexer.sources.datasets import read_items
from indexer.sources.items import BoxLabel
from indexer.sources.problems import Kind
from indexer.statements import Membership
from indexer.tables import Base
from indexer.types import Caption, Progress
from tests.datasets import celeba, coco, imagenet, paint, write
from tests.toys import picture


def load(collection: Collection, path: Path, format: str = "auto", **options: Any) -> Imported:
    return import_items(collection, read_items(format, path, **options))


def record(collection: Collection, path: Path) -> Record:
    id = collection.catalog.find(path=path)
    assert id is not None
    return collection.catalog.picture(id)


def jsonl(path: Path, **captions: list[str]) -> Path:
    rows = ({"image": f"{name}.png", "captions": said} for name, said in captions.items())
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def rows(collection: Collection) -> dict[str, int]:
    """How many rows the tables of statements have."""
    names = ("source", "member", "caption", "label", "attribute", "box")
    with collection.catalog.database.read() as connection:
        counts = {
            name: connection.scalar(select(func.count()).select_from(Base.metadata.tables[name])) for name in names
        }
    return {name: count for name, count in counts.items() if count}


def test_coco(any_collection: Collection, tmp_path: Path) -> None:
    coco(tmp_path / "coco")
    paint(tmp_path / "coco/val2017", ["stray.jpg"], "green")
    result = load(any_collection, tmp_path / "coco")
    assert (result.pictures, result.captions, result.boxes, result.splits) == (3, 3, 3, {"val2017": 3})
    assert (result.report.embedded, result.failed) == (3, [])
    assert any_collection.catalog.counts()["pictures"] == 3, "the stray one isn't named"
    first = record(any_collection, tmp_path / "coco/val2017/000000000001.jpg")
    assert first.captions == (Caption("A red bicycle stands there."), Caption("A bicycle."))
    assert first.boxes == (
        BoxLabel("bicycle", (1.5, 2, 10.25, 20), "vehicle"),
        BoxLabel("person", (0, 0, 40, 30), "person"),
    )
    assert first.sources == (Membership("coco", str(tmp_path / "coco"), "val2017"),)
    (source,) = any_collection.status()["sources"]
    assert (source["format"], source["path"], source["pictures"]) == ("coco", str(tmp_path / "coco"), 3)


def test_imagenet_and_celeba(any_collection: Collection, tmp_path: Path) -> None:
    load(any_collection, imagenet(tmp_path / "i"))
    load(any_collection, celeba(tmp_path / "c"))
    tench = record(any_collection, tmp_path / "i/ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_2.JPEG")
    assert (tench.labels, tench.sources[0].split) == (("tench", "Tinca tinca"), "train")
    face = record(any_collection, tmp_path / "c/img_align_celeba/000001.jpg")
    assert len(face.attributes) == 40
    assert (face.attributes["5_o_Clock_Shadow"], face.attributes["Arched_Eyebrows"]) == (True, False)


def test_attributes_keep_their_types(any_collection: Collection, tmp_path: Path) -> None:
    paint(tmp_path, ["a.png"])
    load(any_collection, write(tmp_path / "t.csv", "image,price,indoor,maker\na.png,12.5,no,Brio\n"))
    assert record(any_collection, tmp_path / "a.png").attributes == {"price": 12.5, "indoor": False, "maker": "Brio"}


def test_importing_again_replaces_and_never_doubles(any_collection: Collection, tmp_path: Path) -> None:
    load(any_collection, coco(tmp_path))
    before = rows(any_collection)
    again = load(any_collection, tmp_path)
    assert (rows(any_collection), again.report.embedded) == (before, 0)
    file = tmp_path / "annotations/captions_val2017.json"
    data = json.loads(file.read_text())
    data["annotations"][0]["caption"] = "Another."
    data["images"] = data["images"][:1]
    write(file, data)
    instances = tmp_path / "annotations/instances_val2017.json"
    write(instances, json.loads(instances.read_text()) | {"images": data["images"]})
    load(any_collection, tmp_path)
    first = record(any_collection, tmp_path / "val2017/000000000001.jpg")
    assert first.captions == (Caption("Another."), Caption("A bicycle."))
    second = record(any_collection, tmp_path / "val2017/000000000002.jpg")
    assert (second.captions, second.boxes, second.sources) == ((), (), ())


def test_one_split_leaves_the_others(any_collection: Collection, tmp_path: Path) -> None:
    paint(tmp_path, ["a.png", "b.png"])
    table = write(tmp_path / "t.csv", "image,caption,split\na.png,one,train\nb.png,two,val\n")
    load(any_collection, table, split="train")
    load(any_collection, table, split="val")
    write(table, "image,caption,split\na.png,one!,train\nb.png,two!,val\n")
    load(any_collection, table, split="val")
    said = [record(any_collection, tmp_path / name).captions[0].text for name in ("a.png", "b.png")]
    assert said == ["one", "two!"]
    write(table, "image,caption,split\na.png,moved,val\nb.png,two,val\n")
    load(any_collection, table, split="val")
    moved = record(any_collection, tmp_path / "a.png")
    assert (moved.captions, moved.sources[0].split) == ((Caption("moved"),), "val")


def test_sidecars_and_other_data_sets_are_left_alone(any_collection: Collection, tmp_path: Path) -> None:
    images = tmp_path / "images"
    paint(images, ["a.png"])
    (images / "a.txt").write_text("From the sidecar.\n")
    any_collection.index([images])
    one, two = (jsonl(tmp_path / f"{name}.jsonl", a=[f"From {name}."]) for name in ("one", "two"))
    for file in (one, two, one):
        load(any_collection, file)
    captions = {caption.text for caption in record(any_collection, images / "a.png").captions}
    assert captions == {"From the sidecar.", "From one.", "From two."}
    (images / "a.txt").write_text("A new sidecar.\n")
    any_collection.index()
    captions = {caption.text for caption in record(any_collection, images / "a.png").captions}
    assert captions == {"A new sidecar.", "From one.", "From two."}


def test_statements_follow_a_picture_that_moves(any_collection: Collection, tmp_path: Path) -> None:
    (before,) = paint(tmp_path / "images", ["a.png"])
    load(any_collection, jsonl(tmp_path / "c.jsonl", a=["Said."]))
    id = any_collection.catalog.find(path=before)
    (tmp_path / "album").mkdir()
    after = before.rename(tmp_path / "album/renamed.png")
    any_collection.index([tmp_path / "album"])
    moved = record(any_collection, after)
    assert (moved.id, moved.captions, moved.paths) == (id, (Caption("Said."),), (str(after),))


def test_pictures_of_an_import_are_looked_at_again(any_collection: Collection, tmp_path: Path) -> None:
    first, second = paint(tmp_path / "images", ["a.png", "b.png"])
    load(any_collection, jsonl(tmp_path / "c.jsonl", a=["x"], b=["y"]))
    assert any_collection.index().unchanged == 2
    first.unlink()
    picture("blue", (99, 98)).save(second)
    report = any_collection.index()
    assert (report.gone, report.changed, report.embedded) == (1, 1, 1)
    assert any_collection.catalog.counts()["pictures"] == 1
    shutil.rmtree(tmp_path / "images")
    assert any_collection.index().missing == [tmp_path / "images"], "it may only be away"
    assert any_collection.catalog.counts()["pictures"] == 1


def test_two_files_of_one_picture(any_collection: Collection, tmp_path: Path) -> None:
    (path,) = paint(tmp_path / "images", ["a.png"])
    shutil.copy(path, path.with_name("b.png"))
    table = write(tmp_path / "t.csv", "image,caption,split\na.png,one,train\nb.png,two,val\na.png,one,train\n")
    result = load(any_collection, table)
    assert result.pictures == 1
    assert result.problems.counts == {Kind.CONFLICT: 1}, "the same picture is in train and in val"
    assert record(any_collection, path).captions == (Caption("one"), Caption("two"))


def test_more_pictures_than_a_batch(collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.importing._AT_ONCE", 2)
    names = [f"{number}.png" for number in range(5)]
    paint(tmp_path / "images", names)
    shutil.copy(tmp_path / "images/0.png", tmp_path / "images/9.png")
    table = write(tmp_path / "t.csv", "image,label\n" + "".join(f"{name},n{name}\n" for name in [*names, "9.png"]))
    steps: list[tuple[int, int | None]] = []

    def note(progress: Progress) -> None:
        if progress.stage == "enter":
            steps.append((progress.done, progress.total))

    result = import_items(collection, read_items("csv", table), on_progress=note)
    assert (result.pictures, result.labels, steps) == (5, 6, [(2, 6), (4, 6), (6, 6)])
    assert record(collection, tmp_path / "images/0.png").labels == ("n0.png", "n9.png")


def test_unreadable_and_removed_pictures(any_collection: Collection, tmp_path: Path) -> None:
    good, bad, away = paint(tmp_path / "images", ["a.png", "b.png", "c.png"])
    bad.write_bytes(b"no picture")
    file = jsonl(tmp_path / "c.jsonl", a=["x"], b=["y"], c=["z"])
    for _ in range(2):
        result = load(any_collection, file)
        assert [path for path, reason in result.failed if reason] == [bad], "every time, not only when it is new"
    assert (result.pictures, result.captions) == (2, 2)
    id = any_collection.catalog.find(path=away)
    assert id is not None
    any_collection.catalog.remove(id)
    assert load(any_collection, file).problems.counts == {Kind.REMOVED: 1}
    assert any_collection.catalog.find(path=away) is None
    assert good.is_file()


def test_nothing_is_entered_where_the_data_or_the_encoder_fail(any_collection: Collection, tmp_path: Path) -> None:
    paint(tmp_path / "images", ["a.png"])
    file = jsonl(tmp_path / "c.jsonl", a=["x"])
    file.write_text(file.read_text() + "{")
    with pytest.raises(UsageError, match="Line 2"):
        load(any_collection, file)
    assert any_collection.catalog.counts() == {"pictures": 0}
    assert rows(any_collection) == {}


def test_an_encoder_that_fails(settings: Settings, tmp_path: Path) -> None:
    def broken(_name: str, _settings: Settings) -> Any:
        raise EncoderError("no model")

    paint(tmp_path / "images", ["a.png"])
    with Collection(settings, broken) as collection, pytest.raises(EncoderError):
        load(collection, jsonl(tmp_path / "c.jsonl", a=["x"]))


def test_a_stop_while_indexing_goes_on_at_the_next_import(any_collection: Collection, tmp_path: Path) -> None:
    paint(tmp_path / "images", [f"{number}.png" for number in range(6)])
    file = jsonl(tmp_path / "c.jsonl", **{str(number): ["x"] for number in range(6)})
    result = import_items(any_collection, read_items("jsonl", file), should_stop=lambda: True)
    assert result.report.interrupted
    assert rows(any_collection) == {}
    assert load(any_collection, file).pictures == 6


def test_a_stop_while_entering_leaves_what_was_said(any_collection: Collection, tmp_path: Path) -> None:
    paint(tmp_path / "images", ["a.png"])
    load(any_collection, jsonl(tmp_path / "c.jsonl", a=["before"]))

    def stop(progress: Any) -> None:
        if progress.stage == "enter":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_items(any_collection, read_items("jsonl", jsonl(tmp_path / "c.jsonl", a=["after"])), on_progress=stop)
    assert record(any_collection, tmp_path / "images/a.png").captions == (Caption("before"),)


def test_forgetting_a_data_set(any_collection: Collection, tmp_path: Path) -> None:
    paint(tmp_path / "images", ["a.png"])
    file = jsonl(tmp_path / "c.jsonl", a=["x"])
    load(any_collection, file)
    assert any_collection.forget(file) == 0
    assert rows(any_collection) == {}
    assert record(any_collection, tmp_path / "images/a.png").captions == (), "the picture stays"
    load(any_collection, file)
    assert any_collection.forget(tmp_path) == 1
    assert (rows(any_collection), any_collection.catalog.counts()["pictures"]) == ({}, 0)


def test_a_catalogue_of_before_keeps_its_captions(any_collection: Collection, photos: Callable[..., Path]) -> None:
    """Down to the schema before data sets and up again: sidecar captions stay, the data sets' go."""
    folder = photos("red")
    (folder / "red.txt").write_text("From the sidecar.\n")
    any_collection.index([folder])
    load(any_collection, write(folder / "t.csv", "image,caption\nred.png,Imported.\n"))
    database = any_collection.catalog.database
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect().execution_options(immediate=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        assert "source_id" not in [column["name"] for column in inspect(connection).get_columns("caption")]
    _upgrade(database.engine)
    assert record(any_collection, folder / "red.png").captions == (Caption("From the sidecar."),)
