"""Tags by command line and over HTTP, with the toy encoder."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from indexer.tag_tables import TagLabelRow
from search.knowledge.everyday import Everyday
from search.tags import tagger
from search.tags.rows import tag_ids
from search.tags.tagger import FILE
from tests.homes import toy_load
from tests.test_search_knowledge import dictionary
from tests.toys import picture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(collection: Collection, photos: Callable[..., Path]) -> Path:
    """Three indexed pictures, #1 to #3, of which #1 is red. The vocabulary has one name, which fits none of them, so
    that all tags are those that a test gives."""
    (collection.settings.home / FILE).write_text('{"name": "zeitgeist"}')
    written = photos("red")
    for names in (("red",), ("red", "blue"), ("red", "blue", "green")):
        collection.index([photos(*names)])
    return written


@pytest.fixture
def run(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line and gives (exit code, stdout, stderr)."""

    def call(*args: object) -> tuple[int, str, str]:
        code = main([*map(str, args), "--home", str(settings.home)], load=toy_load)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def client(settings: Settings, folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings, toy_load), raise_server_exceptions=False) as opened:
        yield opened


def told(run: Run, *args: object) -> Any:
    code, out, err = run(*args, "--json")
    assert code == 0, err
    return json.loads(out)


def counts(run: Run, *args: object) -> dict[str, int]:
    return {one["name"]: one["count"] for one in told(run, "tags", "--all", *args)["tags"]}


def test_tags_are_given_and_taken_off(run: Run, folder: Path) -> None:
    answer = told(run, "tag", "add", "polar bear", "1", "#2", folder / "green.png", "1")
    assert (answer["tag"]["name"], answer["pictures"]) == ("polar bear", [1, 2, 3])
    assert told(run, "tag", "remove", "Polar_Bear", "2")["pictures"] == [2]
    assert counts(run) == {"polar bear": 2}
    (picture,) = told(run, "tags", folder / "red.png")["pictures"]
    assert picture["tags"] == [{"name": "polar bear", "probability": 1.0, "sources": ["typed"]}]
    assert [one["name"] for one in picture["colours"]] == ["red"]
    code, out, _ = run("tags", "1", "2")
    assert code == 0 and "polar bear" in out and "typed" in out
    assert [one["tags"] for one in told(run, "search", "tag:polar bear", "--all")["results"]] == []
    assert {one["id"] for one in told(run, "search", 'tag:"polar bear"')["results"]} == {1, 3}


def test_tags_are_changed(run: Run) -> None:
    told(run, "tag", "add", "dog", "1", "2")
    told(run, "tag", "add", "puppy", "3")
    assert told(run, "tag", "rename", "puppy", "Whelp")["tag"]["name"] == "Whelp"
    assert told(run, "tag", "merge", "puppy", "dog")["tag"]["name"] == "dog"
    assert counts(run) == {"dog": 3}
    assert told(run, "tag", "translate", "dog", "de", "Hund")["tag"]["translations"] == {"de": "Hund"}
    assert counts(run, "--language", "de") == {"Hund": 3}
    assert told(run, "tag", "threshold", "hund", "0.7")["tag"]["threshold"] == 0.7
    assert told(run, "tag", "threshold", "dog", "--own")["tag"]["threshold"] is None
    assert told(run, "tag", "translate", "dog", "de", "--drop")["tag"]["translations"] == {}
    assert told(run, "tag", "forbid", "whelp")["tag"]["forbidden"]
    assert counts(run) == {"dog": 0}
    code, out, _ = run("tags", "--all")
    assert code == 0 and "forbidden" in out
    assert not told(run, "tag", "allow", "dog")["tag"]["forbidden"]
    assert counts(run, "--query", "tag:dog") == {"dog": 3}
    assert counts(run, "--contains", "x") == {}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("tags",), "--all"),
        (("tags", "1", "--all"), "--all"),
        (("tags", "99"), "99"),
        (("tags", "nowhere.png"), "not in the collection"),
        (("tags", "--all", "--write", "exif"), "sidecar"),
        (("tags", "--all", "--export", "x.txt"), ".csv or .jsonl"),
        (("tags", "--all", "--export", "-", "--json"), "stdout"),
        (("tags", "--all", "--export", "/nowhere/x.csv"), "can't be written"),
        (("tags", "--all", "--write", "sidecar", "--export", "x.csv"), "two runs"),
        (("tag", "add", " ", "1"), "no name"),
        (("tag", "add", "dog", "99"), "99"),
        (("tag", "remove", "cat", "1"), "no tag 'cat'"),
        (("tag", "rename", "cat", "x"), "no tag 'cat'"),
        (("tag", "threshold", "cat"), "--own"),
        (("tag", "translate", "cat", "de"), "--drop"),
    ],
)
def test_wrong_use_is_refused(run: Run, args: tuple[str, ...], words: str) -> None:
    code, _, err = run(*args)
    assert code == 2 and words in err


def test_sidecars_are_written_and_failures_listed(run: Run, folder: Path) -> None:
    told(run, "tag", "add", "dog", "1", "2")
    assert told(run, "tags", "1", "--write", "sidecar") == {"written": 1, "unchanged": 0, "failed": []}
    assert told(run, "tags", "--all", "--write", "sidecar") == {"written": 1, "unchanged": 2, "failed": []}
    (folder / "green.png.xmp").mkdir()
    told(run, "tag", "add", "dog", "3")
    code, out, _ = run("tags", "--all", "--write", "sidecar", "--json")
    assert code == 1
    (failed,) = json.loads(out)["failed"]
    assert failed["path"].endswith("green.png") and "can't be written" in failed["reason"]
    code, _, err = run("tags", "--all", "--write", "sidecar")
    assert code == 1 and "green.png" in err
    told(run, "index", folder)
    assert told(run, "tags", "1")["pictures"][0]["tags"][0]["sources"] == ["typed"]


def test_exports(run: Run, tmp_path: Path) -> None:
    told(run, "tag", "add", "denim", "1")
    assert told(run, "tags", "--all", "--export", tmp_path / "all.csv")["pictures"] == 3
    with (tmp_path / "all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["tags"], row["materials"]) for row in rows] == [("1", "denim", "denim"), *NOTHING]
    assert [row["colours"] for row in rows] == ["red", "blue", "green"]
    assert told(run, "tags", "2", "--export", tmp_path / "one.jsonl")["pictures"] == 1
    assert json.loads((tmp_path / "one.jsonl").read_text())["id"] == 2
    code, out, _ = run("tags", "--all", "--export", "-")
    assert code == 0 and [row["id"] for row in csv.DictReader(io.StringIO(out))] == ["1", "2", "3"]
    code, out, _ = run("tags", "--all", "--export", "-", "--format", "jsonl")
    assert code == 0 and [json.loads(line)["id"] for line in out.splitlines()] == [1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir() if "." in path.name) == ["all.csv", "one.jsonl"]


NOTHING = [("2", "", ""), ("3", "", "")]


def test_a_vocabulary_of_the_users_own(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "THRESHOLD", 0.01)
    (tmp_path / "words.txt").write_text("red\nred\nteal\n")
    code, _, err = run("tags", "--all", "--vocabulary", tmp_path / "words.txt")
    assert code == 0 and "2 names" in err and "came before" in err
    assert counts(run) == {"red": 1}
    (picture,) = told(run, "tags", 1)["pictures"]
    assert [(one["name"], one["sources"]) for one in picture["tags"]] == [("red", ["model"])]
    assert 0.01 <= picture["tags"][0]["probability"] <= 1
    assert [one["id"] for one in told(run, "search", "tag:red")["results"]] == [1]
    code, _, err = run("tags", "--all", "--vocabulary", "everyday")
    assert code == 0 and "names are in use" in err and len(counts(run)) > 1
    code, _, err = run("tags", "--all", "--vocabulary", tmp_path / "none.txt")
    assert code == 2 and "no vocabulary" in err


def test_labels_of_a_data_set_are_tags(run: Run, folder: Path) -> None:
    table = folder.parent / "data.csv"
    table.write_text("image,label\nred.png,Warm thing\nblue.png,cold thing\n")
    told(run, "import", "csv", table, "--images", folder)
    assert counts(run) == {"cold thing": 1, "Warm thing": 1}
    assert [one["id"] for one in told(run, "search", 'tag:"warm thing"')["results"]] == [1]
    told(run, "forget", table)
    assert counts(run) == {"cold thing": 0, "Warm thing": 0}


def test_a_filter_finds_the_kinds_of_a_thing(run: Run, tmp_path: Path) -> None:
    told(run, "tags", "--all", "--vocabulary", "everyday")  # whose graph knows that a poodle is a dog
    with Collection(Settings(home=tmp_path / "home"), toy_load) as collection, collection.catalog.database.write() as c:
        (dog, *_), (poodle, *_) = (Everyday().named(name) for name in ("animal", "poodle"))
        ids = tag_ids(c, [("animal", dog.id), ("poodle", poodle.id)])
        c.execute(insert(TagLabelRow).values(tag_id=ids["poodle"], picture_id=2, positive=True, at=datetime.now()))
    assert [one["id"] for one in told(run, "search", "tag:poodle")["results"]] == [2]
    assert 2 in [one["id"] for one in told(run, "search", "tag:animal")["results"]]
    assert 2 not in [one["id"] for one in told(run, "search", "red -tag:animal", "--all", "-k", "9")["results"]]


def test_all_tags_are_named_in_a_language(run: Run, tmp_path: Path) -> None:
    told(run, "tag", "add", "dog", "1")
    told(run, "tag", "add", "polar bear", "2")
    told(run, "tag", "translate", "polar bear", "de", "Weissbaer")
    dictionary(tmp_path, [("dog", "  Hund <masc>"), ("polar bear", "  Polarbaer")])
    answer = told(run, "tag", "language", "de", "--folder", tmp_path)
    assert (answer["named"], answer["of"]) == (1, 1)  # the other has a name already
    assert counts(run, "--language", "de") == {"Hund": 1, "Weissbaer": 1}
    assert [one["id"] for one in told(run, "search", "tag:hund")["results"]] == [1]
    assert told(run, "tag", "language", "de", "--folder", tmp_path)["named"] == 0
    code, _, err = run("tag", "language", "fr", "--folder", tmp_path)
    assert code == 2 and "dict-freedict-eng-fra" in err
    code, _, err = run("tag", "language", "de", "--from", "hearsay")
    assert code == 2 and "dictionary, wn" in err


def test_a_server_tags_what_another_process_indexes(
    client: TestClient, settings: Settings, photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "THRESHOLD", 0.01)
    (settings.home / FILE).write_text('{"name": "red"}\n{"name": "teal"}\n')
    with Collection(settings, toy_load) as other:
        other.index([photos("teal")])
        id = other.catalog.newest(1)[0]
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        tags = client.get(f"/v1/pictures/{id}/tags").json()["tags"]
        if tags:
            break
        time.sleep(0.1)
    assert [one["name"] for one in tags] == ["teal"]


def test_an_upload_is_tagged_when_the_answer_comes(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tagger, "THRESHOLD", 0.01)
        (settings.home / FILE).write_text('{"name": "navy"}\n')
        picture("navy").save(tmp_path / "navy.png")
        answer = client.post("/v1/pictures", files={"picture": ("navy.png", (tmp_path / "navy.png").read_bytes())})
    id = answer.json()["pictures"][0]["id"]
    assert [one["name"] for one in client.get(f"/v1/pictures/{id}/tags").json()["tags"]] == ["navy"]


def refused(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    detail: str = response.json()["detail"]
    return detail


def test_tags_over_http(client: TestClient) -> None:
    made = client.post("/v1/tags", json={"name": "polar bear", "pictures": [1, 3]})
    assert made.status_code == 201 and made.json()["name"] == "polar bear"
    assert client.post("/v1/tags", json={"name": "unused"}).status_code == 201
    page = client.get("/v1/tags").json()
    assert [(one["name"], one["count"], one["sources"]) for one in page["tags"]] == [
        ("polar bear", 2, {"typed": 2}),
        ("unused", 0, {}),
    ]
    assert (page["total"], page["next"]) == (2, None)
    assert client.get("/v1/tags?limit=1").json()["next"] == 1
    given = client.put(f"/v1/pictures/2/tags/{quote('Ünï 1')}").json()
    assert [tag["name"] for tag in given["tags"]] == ["Ünï 1"] and given["colours"][0]["name"] == "blue"
    assert client.delete("/v1/pictures/1/tags/polar bear").json()["tags"] == []
    odd = quote("a/c #1?%", safe="")
    assert client.put(f"/v1/pictures/1/tags/{odd}").json()["tags"][0]["name"] == "a/c #1?%"
    assert client.patch(f"/v1/tags/{odd}", json={"forbidden": True}).json()["name"] == "a/c #1?%"
    assert client.get("/v1/pictures/3/tags").json()["tags"] == [
        {"name": "polar bear", "probability": 1.0, "sources": ["typed"]}
    ]
    found = client.get("/v1/search", params={"q": 'tag:"polar bear"'}).json()["results"]
    assert [(one["id"], one["tags"], one["score"]) for one in found] == [(3, ["polar bear"], 1.0)]
    newest = client.get("/v1/pictures").json()["pictures"]
    assert {one["id"]: one["tags"] for one in newest} == {1: [], 2: ["Ünï 1"], 3: ["polar bear"]}
    facets = client.get("/v1/tags", params={"q": "-tag:unused red", "all": True}).json()["tags"]
    assert {one["name"]: one["count"] for one in facets} == {"polar bear": 1, "Ünï 1": 1}


def test_filters_in_json_queries(client: TestClient) -> None:
    client.post("/v1/tags", json={"name": "odd", "pictures": [1]})
    only = {"filters": [{"field": "tag", "value": "odd", "not": True}], "k": 5}
    assert {one["id"] for one in client.post("/v1/search", json=only).json()["results"]} == {2, 3}
    both = {"terms": [{"text": "red"}], "filters": [{"field": "tag", "value": "odd"}], "all": True}
    assert [one["id"] for one in client.post("/v1/search", json=both).json()["results"]] == [1]
    unknown = client.get("/v1/search?q=tag:od").json()
    assert unknown["results"] == [] and "odd" in unknown["notice"]
    for wrong in ({"query": "red", **only}, {}, {"filters": [{"field": "camera", "value": "x"}]}):
        refused(client.post("/v1/search", json=wrong), 400)
    refused(client.post("/v1/search", json={"filters": [{"field": "tag"}]}), 422)


def test_tags_are_changed_over_http(client: TestClient) -> None:
    client.post("/v1/tags", json={"name": "dog", "pictures": [1, 2]})
    client.post("/v1/tags", json={"name": "puppy", "pictures": [3]})
    change = {"name": "hound", "threshold": 0.5, "translations": {"de": "Hund"}}
    changed = client.patch("/v1/tags/dog", json=change).json()
    assert (changed["name"], changed["threshold"], changed["translations"]) == ("hound", 0.5, {"de": "Hund"})
    changed = client.patch("/v1/tags/hund", json={"threshold": None, "translations": {"de": None}}).json()
    assert (changed["name"], changed["threshold"], changed["translations"]) == ("hound", None, {})
    assert client.patch("/v1/tags/puppy", json={"merge_into": "dog"}).json()["name"] == "hound"
    assert client.get("/v1/tags").json()["tags"][0]["count"] == 3
    assert "hound" in refused(client.patch("/v1/tags/hond", json={"name": "x"}), 404)
    assert client.patch("/v1/tags/hound", json={"forbidden": True}).json()["forbidden"]
    assert client.get("/v1/pictures/1/tags").json()["tags"] == []
    assert "forbidden" in refused(client.put("/v1/pictures/1/tags/hound"), 400)
    before = client.get("/v1/tags").json()
    refused(client.patch("/v1/tags/hound", json={"forbidden": False, "threshold": 7}), 400)
    assert client.get("/v1/tags").json() == before, "all that is asked, or nothing"
    for wrong in ({"colour": 1}, {"name": ""}, {"threshold": "x"}):
        refused(client.patch("/v1/tags/hound", json=wrong), 422)
    refused(client.put("/v1/pictures/99/tags/cat"), 404)
    refused(client.delete("/v1/pictures/1/tags/nothing"), 404)
    refused(client.get("/v1/pictures/99/tags"), 404)
    refused(client.get("/v1/tags?limit=0"), 422)
    refused(client.get("/v1/tags?q=camera:x"), 400)


def test_exports_over_http(client: TestClient) -> None:
    client.post("/v1/tags", json={"name": "=1+1", "pictures": [1]})
    answer = client.get("/v1/tags/export")
    assert (
        answer.headers["content-type"].startswith("text/csv") and "attachment" in answer.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["id"], row["tags"]) for row in rows] == [("1", "'=1+1"), ("2", ""), ("3", "")]
    lines = client.get("/v1/tags/export?format=jsonl").text.splitlines()
    assert json.loads(lines[0])["tags"][0]["name"] == "=1+1"
    refused(client.get("/v1/tags/export?format=xls"), 422)


def test_many_tags_are_paged(client: TestClient, settings: Settings) -> None:
    with Collection(settings, toy_load) as collection, collection.catalog.database.write() as connection:
        tag_ids(connection, [(f"tag {n}", None) for n in range(3_000)])
    page = client.get("/v1/tags?limit=1000&after=2500").json()
    assert (page["total"], len(page["tags"]), page["next"]) == (3_000, 500, None)
    assert client.get("/v1/tags?contains=tag 123").json()["total"] == 11
