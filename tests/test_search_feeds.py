"""Ready feeds with the toy encoder: on this day, and like a picture but different."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import insert, select, update

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import NotFoundError, UsageError
from indexer.signal_tables import SignalRow
from indexer.tables import FileRow, PictureRow
from search.engine import Engine
from search.taste.different import similar_but_different
from search.taste.feeds import anniversary, on_this_day
from search.taste.variety import fold, varied
from tests.homes import toy_load
from tests.toys import COLOURS

DAY = date(2024, 5, 31)


def taken(collection: Collection, folder: Path, **times: str) -> dict[str, int]:
    """Indexes a folder and says when its pictures were taken; file stem -> id."""
    collection.index([folder])
    ids = ids_of(collection)
    with collection.catalog.database.write() as connection:
        for name, time in times.items():
            where = PictureRow.id == ids[name.replace("_", "-")]
            connection.execute(update(PictureRow).where(where).values(captured_at=datetime.fromisoformat(time)))
    return ids


def ids_of(collection: Collection) -> dict[str, int]:
    with collection.catalog.database.read() as connection:
        rows = connection.execute(select(FileRow.path, FileRow.picture_id)).all()
    return {Path(path).stem: id for path, id in rows}


def say(collection: Collection, user: str, picture: int, kind: str) -> None:
    row = {"user": user, "picture_id": picture, "kind": kind, "at": datetime.now(UTC).replace(tzinfo=None)}
    with collection.catalog.database.write() as connection:
        connection.execute(insert(SignalRow), [row])


def shown(collection: Collection, day: date = DAY, **options: Any) -> dict[int, list[str]]:
    """Year -> the stems shown."""
    found = on_this_day(Engine(collection), day, **options)
    return {year.year: [Path(one.path).stem for one in year.pictures] for year in found.years}


def test_this_day_of_earlier_years(any_collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red", "green", "blue", "yellow", "orange", "purple", "pink", "black", "white")
    taken(
        any_collection,
        folder,
        red="2023-05-31T00:00:00",
        green="2023-05-31T23:59:59",
        blue="2023-05-31T12:00:00",
        yellow="2023-06-01T12:00:00",  # the day after, of a year that has enough
        orange="2019-06-02T12:00:00",  # two days after, in a year that has nothing else
        purple="2019-06-08T12:00:00",  # eight days after
        pink="2024-05-31T12:00:00",  # today
        black="2025-05-31T12:00:00",  # later
    )
    found = shown(any_collection)
    assert {year: sorted(names) for year, names in found.items()} == {2023: ["blue", "green", "red"], 2019: ["orange"]}
    assert list(found) == [2023, 2019]
    assert [len(names) for names in shown(any_collection, k=2).values()] == [2, 1]
    assert shown(any_collection, date(1999, 1, 1)) == {}


def test_the_new_year_is_near_the_old_one(collection: Collection, photos: Callable[..., Path]) -> None:
    taken(collection, photos("red", "blue"), red="2021-12-30T10:00:00", blue="2023-12-30T10:00:00")
    found = on_this_day(Engine(collection), date(2024, 1, 2))
    assert [(year.year, year.ago, year.pictures[0].days) for year in found.years] == [(2022, 2, 3)]


def test_leap_days() -> None:
    assert anniversary(date(2024, 2, 29), 2023) == date(2023, 2, 28)
    assert anniversary(date(2024, 2, 29), 2020) == date(2020, 2, 29)


def test_versions_are_folded_and_the_best_comes_first(collection: Collection, photos: Callable[..., Path]) -> None:
    at = "2020-05-31T10:00:00"
    ids = taken(collection, photos("red", "red-2", "red-3", "blue"), red=at, red_2=at, red_3=at, blue=at)
    with collection.catalog.database.write() as connection:
        connection.execute(update(PictureRow).where(PictureRow.id == ids["red-2"]).values(rating=5))
    year = on_this_day(Engine(collection), DAY).years[0]
    assert [Path(one.path).stem for one in year.pictures] == ["red-2", "blue"]
    assert (sorted(year.pictures[0].alike), year.total) == (sorted([ids["red"], ids["red-3"]]), 4)


def test_opinions_count(any_collection: Collection, photos: Callable[..., Path]) -> None:
    at = "2020-05-31T10:00:00"
    ids = taken(any_collection, photos("red", "blue", "green", "pink"), red=at, blue=at, green=at, pink=at)
    for name, kind in (("red", "like"), ("red", "hide"), ("blue", "hide"), ("blue", "like"), ("green", "view")):
        say(any_collection, "ann", ids[name], kind)
    assert shown(any_collection, user=" ann ")[2020][0] == "blue"
    assert sorted(shown(any_collection, user="ann")[2020]) == ["blue", "green", "pink"]
    assert len(shown(any_collection, user="bob")[2020]) == len(shown(any_collection)[2020]) == 4
    any_collection.catalog.remove(ids["pink"])
    assert "pink" not in shown(any_collection)[2020]


def test_odd_questions(collection: Collection) -> None:
    engine = Engine(collection)
    assert on_this_day(engine).years == ()
    for k in (0, 10_000):
        with pytest.raises(UsageError, match="k is"):
            on_this_day(engine, k=k)
    with pytest.raises(UsageError, match="1 to 1000"):
        similar_but_different(engine, 7, k=1001)
    with pytest.raises(NotFoundError):
        similar_but_different(engine, 7)


def test_fold_against_brute_force() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 0, 2, 3]]
    assert fold(vectors, [0, 0, 0, 0, 0]) == [[0, 2], [1], [3], [4]]
    assert fold(vectors, [0, 5, 0, 5 ^ 0b111, ~5]) == [[0, 2], [1, 3], [4]]
    assert fold(vectors[:0], []) == []


def test_varied_against_hand_counted_places() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    worth = np.array([1.0, 0.9, 0.6])
    assert varied(worth, vectors, 3, 0.5) == [0, 2, 1]
    assert varied(worth, vectors, 3, 0.1) == [0, 1, 2]
    assert varied(worth, vectors, 2, 0.5) == [0, 2]
    assert varied(worth[:0], vectors[:0], 2, 0.5) == []


def stripes(folder: Path, name: str, **shares: int) -> None:
    """A picture of stripes of these colours, as wide as said."""
    image = Image.new("RGB", (sum(shares.values()), 48))
    left = 0
    for colour, width in shares.items():
        image.paste(COLOURS[colour], (left, 0, left + width, 48))
        left += width
    folder.mkdir(parents=True, exist_ok=True)
    image.save(folder / f"{name}.png")


@pytest.fixture
def reds(tmp_path: Path) -> Path:
    """Pictures with much red: two kinds that differ in the rest, some of each; versions of one; and a blue one."""
    folder = tmp_path / "reds"
    for number, name in enumerate(("asked", "version")):
        stripes(folder, name, red=80 + number)
    for number in range(4):
        stripes(folder, f"green{number}", red=60, green=16 + 4 * number)
        stripes(folder, f"blue{number}", red=60, blue=20 + 4 * number)
    stripes(folder, "far", blue=80)
    return folder


def test_like_it_but_different(any_collection: Collection, reds: Path) -> None:
    any_collection.index([reds])
    engine, ids = Engine(any_collection), ids_of(any_collection)
    plain = [Path(one.path).stem for one in engine.similar(ids["asked"], k=2).results]
    found = similar_but_different(engine, ids["asked"], k=2)
    varied_ = [Path(one.path).stem for one in found.results]
    assert plain[0] == "version" and "version" not in varied_
    assert {name.rstrip("0123") for name in varied_} == {"green", "blue"}
    assert [one.score for one in found.results] == sorted((one.score for one in found.results), reverse=True)
    by_path = similar_but_different(engine, reds / "asked.png", k=2)
    assert by_path.results == found.results
    everything = similar_but_different(engine, ids["asked"], k=50)
    assert {Path(one.path).stem for one in everything.results} <= set(ids) - {"asked", "version"}


@pytest.fixture
def client(settings: Settings, collection: Collection, reds: Path) -> Iterator[TestClient]:
    taken(collection, reds, asked="2020-05-31T10:00:00")
    with TestClient(create_app(settings, toy_load), raise_server_exceptions=False) as opened:
        yield opened


def test_the_same_feeds_everywhere(
    client: TestClient, collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    id = ids_of(collection)["asked"]
    home = ["--home", str(collection.settings.home)]

    def said(*words: str) -> Any:
        assert main([*words, *home], load=toy_load) == 0
        return capsys.readouterr().out

    by_http = client.get("/v1/feeds/on-this-day", params={"date": "2024-05-31"}).json()
    by_command = json.loads(said("feed", "on-this-day", "--date", "2024-05-31", "--json"))
    assert by_http["years"][0]["pictures"][0]["id"] == by_command["years"][0]["pictures"][0]["id"] == id
    assert by_http["day"] == by_command["day"] == "2024-05-31"
    assert "2020, 4 years ago" in said("feed", "on-this-day", "--date", "2024-05-31")
    assert "No picture was taken" in said("feed", "on-this-day", "--date", "2024-12-31")
    by_http = client.get(f"/v1/pictures/{id}/similar", params={"diverse": True, "k": 3}).json()
    by_command = json.loads(said("similar", str(id), "--diverse", "-k", "3", "--json"))
    assert by_http["results"] == by_command["results"] and len(by_http["results"]) == 3


def test_bad_requests(client: TestClient, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    for query in ("date=2024-02-30", "date=yesterday", "k=0", "k=x"):
        assert client.get(f"/v1/feeds/on-this-day?{query}").status_code in (400, 422), query
    assert client.get("/v1/pictures/999/similar?diverse=true").status_code == 404
    assert client.get("/v1/pictures/1/similar?diverse=true&k=0").status_code == 400
    assert main(["feed", "on-this-day", "--date", "31.5.2024", "--home", str(settings.home)], load=toy_load) == 2
    assert "2024-05-31" in capsys.readouterr().err
