"""`pixloom train look`, and `guided` with what it learned, as a user calls them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from search.engine import Engine
from search.taste.signals import Signals
from tests.homes import toy_load
from tests.test_tuner_looks import film, photographs
from tuner.again import again
from tuner.edits import edit_of
from tuner.guided.looks import apply
from tuner.operations import get_operation
from tuner.pictures import CollectionPictures
from tuner.raster import to_bytes
from tuner.references import settled
from tuner.tune import Tuner
from tuner.work import Work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pairs under a look, and one that has no second."""
    table, work = film().table(), Work(Settings(home=tmp_path / "none"))
    for place, one in enumerate(photographs()[:6]):
        for side, rgb in (("before", one), ("after", apply(table, one, 1, work))):
            path = tmp_path / f"pairs/{side}/{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_bytes(rgb)).save(path)
    Image.new("RGB", (40, 30)).save(tmp_path / "pairs/before/lonely.png")
    return tmp_path / "pairs"


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_look_is_learned_and_used(
    folder: Path, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(settings.home)]
    assert main(["train", "look", "film", "--pairs", str(folder), "--json", *home]) == 1
    answer = told(capsys)
    assert answer["look"] == "film" and answer["pairs"] == 6 and answer["after"] < 0.3 * answer["before"]
    assert answer["failed"] == [{"name": "lonely", "reason": "there is no picture after"}]
    assert Path(answer["path"]).parent == settings.models / "looks"
    assert main(["train", "look", "film", "--pairs", str(folder), *home]) == 2
    assert "already" in capsys.readouterr().err
    (folder / "before/lonely.png").unlink()
    assert main(["train", "look", "other", "--pairs", str(folder), *home]) == 0
    assert "-p look=other" in capsys.readouterr().out

    (tmp_path / "photos").mkdir()
    Image.fromarray(data.coffee()[::4, ::4]).save(tmp_path / "photos/coffee.png")
    with Collection(settings, toy_load) as collection:
        collection.index([tmp_path / "photos"])
    words = ["tune", "guided", "1", "-p", "look=film", "--json", *home]
    assert main(words, toy_load) == 0  # type: ignore[arg-type]
    (result,) = told(capsys)["results"]
    Path(answer["path"]).unlink()
    with Collection(settings, toy_load) as collection:
        assert again(Tuner(collection), result["outcome"]).same, "the record has a copy of its own"


@pytest.mark.parametrize(
    ("name", "reason"), [("a/b", "can't be the name"), ("film", "are too few"), ("none", "There is no folder")]
)
def test_what_is_refused(
    name: str, reason: str, folder: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "film":
        for path in sorted((folder / "after").iterdir())[:2]:
            path.unlink()
    given = folder / "nowhere" if name == "none" else folder
    assert main(["train", "look", name, "--pairs", str(given), "--home", str(settings.home)]) == 2
    assert reason in capsys.readouterr().err
    assert not (settings.models / "looks").exists()


def test_the_collection_knows_texts_and_what_is_liked(collection: Collection, photos: Any) -> None:
    collection.index([photos("red", "green", "blue")])
    pictures = CollectionPictures(collection, Engine(collection))
    red, blue = pictures.texts(["red", "blue"])
    seen = pictures.vectors([pictures.open(str(id)) for id in (1, 2, 3)])
    names = [Path(collection.catalog.picture(id).path).stem for id in (1, 2, 3)]
    assert names[int(np.argmax(seen @ red))] == "red" and names[int(np.argmax(seen @ blue))] == "blue"
    assert pictures.meanings(["red"]).shape == (1, 16), "the toy has one space for all"
    signals = Signals(collection.catalog.database)
    for id, kind in ((1, "like"), (3, "like"), (2, "dislike"), (1, "dislike")):
        signals.add("ann", id, kind)
    assert pictures.liked("ann", 10) == [3] and pictures.liked("ben", 10) == []


def test_taste_is_recorded_with_the_pictures_that_it_was_told_from(collection: Collection, photos: Any) -> None:
    names = [f"{colour}-{place}" for colour in ("red", "green", "blue", "olive", "pink") for place in range(4)]
    collection.index([photos(*names)])
    for id in range(1, 6):
        Signals(collection.catalog.database).add("ann", id, "like")
    tuner = Tuner(collection)
    assert settled(get_operation("guided"), {"like": "1, 2,#3"}, collection.settings, files=False) == {
        "like": ["#1", "#2", "#3"]
    }
    from tests.test_tuner_tune import Quiet
    from tuner.jobs.task import Task

    made = tuner.run(Task(5, 0, (9,), "guided", {"taste": "ann"}, 7, "ann"), Quiet())
    with collection.catalog.database.read() as connection:
        edit = edit_of(connection, made.picture or 0)
    assert edit is not None and edit.parameters["like"] == ["#5", "#4", "#3", "#2", "#1"]
    assert edit.sources == ((9, "parent"), *((id, "reference") for id in (5, 4, 3, 2, 1)))
    assert again(tuner, made.picture or 0).same
