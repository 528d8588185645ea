"""Feedback, taste and recommendations over HTTP and on the command line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from indexer.tag_tables import PictureTagRow
from search.tags.rows import tag_ids
from search.taste.names import name_of
from tests.homes import toy_load
from tests.tastes import EACH, KINDS, fill, kind_of, kinds

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def client(settings: Settings, collection: Collection) -> Iterator[TestClient]:
    """A client over kinds of pictures."""
    fill(collection, kinds())
    with TestClient(create_app(settings, toy_load), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def run(settings: Settings, collection: Collection, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line over kinds of pictures and gives (exit code, stdout, stderr)."""
    if collection.catalog.state().index is None:
        fill(collection, kinds())

    def call(*args: object) -> tuple[int, str, str]:
        code = main([*map(str, args), "--home", str(settings.home)], load=toy_load)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def tell(client: TestClient, kind: str, *pictures: int, user: str = "ann") -> None:
    for picture in pictures:
        answer = client.post("/v1/feedback", json={"user": user, "picture": picture, "kind": kind})
        assert answer.status_code == 200, answer.text


def page(client: TestClient, **query: Any) -> dict[str, Any]:
    answer = client.get("/v1/recommendations", params={"user": "ann", **query})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


def test_a_person_from_the_first_page_to_the_last(client: TestClient) -> None:
    first = page(client)
    assert {item["why"]["kind"] for item in first["results"]} == {"tour"} and first["known"] == 0
    tell(client, "like", 1, 2, 3, EACH + 1, EACH + 2)
    tell(client, "dislike", 2 * EACH + 1)
    second = page(client)
    because = [item for item in second["results"] if item["why"]["kind"] == "because"]
    assert {kind_of(item["id"]) for item in because} == {0, 1} and len(because) == 18
    assert because[0]["why"]["text"] == f"because of picture {because[0]['why']['picture']}"
    assert second["exploration"] == 0.1
    third = page(client, cursor=second["next"])
    assert not {item["id"] for item in third["results"]} & {item["id"] for item in second["results"]}
    taste = client.get("/v1/users/ann/taste").json()
    assert [sorted(one["pictures"]) for one in taste["interests"]] == [[1, 2, 3], [EACH + 1, EACH + 2]]
    big = taste["interests"][0]["id"]
    muted = client.patch("/v1/users/ann/taste", json={"interest": big, "muted": True}).json()
    assert muted["interests"][0]["muted"] and muted["interests"][1]["share"] == 1.0
    assert 0 not in {kind_of(item["id"]) for item in page(client)["results"]}
    client.patch("/v1/users/ann/taste", json={"interest": big, "muted": False, "weight": 3})
    left = client.patch("/v1/users/ann/taste", json={"interest": EACH + 2, "delete": True}).json()
    assert [one["weight"] for one in left["interests"]] == [3.0]
    told = client.get("/v1/users/ann/export").json()
    assert len(told["signals"]) == 6 and told["not_counted"] == [EACH + 1, EACH + 2]
    assert told["signals"][0]["at"].endswith(("Z", "+00:00"))
    assert client.delete("/v1/users/ann/taste").json() == {"user": "ann", "forgotten": 6}
    assert client.delete("/v1/users/ann/taste").json() == {"user": "ann", "forgotten": 0}
    again = page(client)
    assert [item["id"] for item in again["results"]] == [item["id"] for item in first["results"]]


def test_feedback_is_taken_back(client: TestClient) -> None:
    tell(client, "view", 7)
    sent = client.post("/v1/feedback", json={"user": " ann ", "picture": 7, "kind": "view", "seconds": 12.5}).json()
    assert (sent["user"], sent["seconds"], sent["kind"]) == ("ann", 12.5, "view")
    gone = client.post("/v1/feedback", json={"user": "ann", "undo": True}).json()
    assert gone == sent
    client.post("/v1/feedback", json={"user": "ann", "undo": True, "picture": 7, "kind": "view"})
    assert "taken back" in refused(client.post("/v1/feedback", json={"user": "ann", "undo": True}), 404)


@pytest.mark.parametrize(
    "body, status",
    [
        ({"user": "ann", "picture": 9999, "kind": "like"}, 404),
        ({"user": "ann", "picture": 1, "kind": "love"}, 422),
        ({"user": "ann", "picture": 1}, 400),
        ({"user": "ann", "kind": "like"}, 400),
        ({"user": " ", "picture": 1, "kind": "like"}, 400),
        ({"user": "x" * 300, "picture": 1, "kind": "like"}, 400),
        ({"user": "x" * 5000, "picture": 1, "kind": "like"}, 422),
        ({"user": "a\u0000", "picture": 1, "kind": "like"}, 400),
        ({"user": "ann", "picture": 1, "kind": "like", "seconds": 3}, 400),
        ({"user": "ann", "picture": 1, "kind": "view", "seconds": -3}, 422),
        ({"user": "ann", "picture": -1, "kind": "like"}, 422),
        ({"user": "ann", "picture": 10**30, "kind": "like"}, 422),
        ({"user": "ann", "undo": True, "seconds": 3}, 400),
        ({"user": "ann", "picture": 1, "kind": "like", "more": 1}, 422),
        ([], 422),
    ],
)
def test_bad_feedback_is_a_problem(client: TestClient, body: Any, status: int) -> None:
    refused(client.post("/v1/feedback", json=body), status)


def test_other_bad_requests(client: TestClient) -> None:
    refused(client.get("/v1/recommendations"), 422)
    for query in ({"user": ""}, {"user": "ann", "k": 0}, {"user": "ann", "k": 501}, {"user": "ann", "cursor": "x"}):
        refused(client.get("/v1/recommendations", params=query), 400)
    change = client.patch
    assert "no interest" in refused(change("/v1/users/ann/taste", json={"interest": 1, "muted": True}), 404)
    tell(client, "like", 1)
    for body in ({"interest": 1}, {"interest": 1, "delete": True, "weight": 2}):
        refused(change("/v1/users/ann/taste", json=body), 400)
    for body in ({"interest": 1, "weight": 101}, {"interest": 1, "weight": "NaN"}, {"weight": 1}):
        refused(change("/v1/users/ann/taste", json=body), 422)
    assert client.get("/v1/users/nobody/taste").json() == {"user": "nobody", "interests": []}
    assert client.get("/v1/users/nobody/export").json()["signals"] == []
    refused(client.get("/v1/users/%20/taste"), 400)
    refused(client.get("/v1/search", params={"q": "red", "user": " "}), 400)


def test_interests_have_names_where_their_pictures_have_tags(client: TestClient, collection: Collection) -> None:
    tell(client, "like", 1, 2, 3, EACH + 1)
    with collection.catalog.database.write() as connection:
        tags = tag_ids(connection, [("animal", None), ("lynx", None), ("rare", None)])
        rows = [("animal", id) for id in range(1, 40)] + [("lynx", 1), ("lynx", 2), ("lynx", 9), ("rare", 3)]
        connection.execute(
            insert(PictureTagRow),
            [{"tag_id": tags[name], "picture_id": id, "source": "typed", "probability": None} for name, id in rows],
        )
    labels = {kind_of(one["id"]): one["label"] for one in client.get("/v1/users/ann/taste").json()["interests"]}
    assert labels == {0: "lynx", 1: "animal"}


def test_names_of_interests_on_any_database(any_collection: Collection) -> None:
    fill(any_collection, kinds())
    with any_collection.catalog.database.write() as connection:
        tags = tag_ids(connection, [("animal", None)])
        rows = [{"tag_id": tags["animal"], "picture_id": id, "source": "typed", "probability": None} for id in (1, 2)]
        connection.execute(insert(PictureTagRow), rows)
        assert name_of(connection, [1, 2, 3]) == "animal" and name_of(connection, [1, 3, 4]) is None


def test_searches_are_ranked_for_a_person_the_same_everywhere(client: TestClient, run: Run) -> None:
    plain = client.get("/v1/search", params={"q": "red", "k": 5}).json()["results"]
    tell(client, "hide", plain[0]["id"])
    tell(client, "like", plain[3]["id"])
    mine = client.get("/v1/search", params={"q": "red", "k": 5, "user": "ann"}).json()["results"]
    assert plain[0]["id"] not in [one["id"] for one in mine] and mine != plain[1:]
    posted = client.post("/v1/search", json={"query": "red", "k": 5, "user": "ann"}).json()["results"]
    code, out, _ = run("search", "red", "-k", 5, "--user", "ann", "--json")
    assert code == 0 and json.loads(out)["results"] == posted == mine
    assert client.get("/v1/search", params={"q": "red", "k": 5, "user": "bob"}).json()["results"] == plain


def test_the_command_line_from_like_to_forget(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("recommend", "--user", "ann", "-k", KINDS)
    assert code == 0 and out.count("part of a tour") == KINDS
    for picture in ("#1", "2", EACH + 1, "/made/up/3.png"):
        assert run("like", picture, "--user", "ann")[0] == 0
    code, out, _ = run("dislike", 1, "--user", "ann", "--json")
    assert code == 0 and json.loads(out)["kind"] == "dislike"
    assert run("dislike", 1, "--user", "ann", "--undo")[1] == "Took back ann's dislike of picture 1.\n"
    assert run("hide", 9, "--user", "ann")[1] == "Noted: ann, hide, 9.\n"
    told = json.loads(run("recommend", "--user", "ann", "--json")[1])
    assert {1, 2, 3, 9, EACH + 1}.isdisjoint(item["id"] for item in told["results"])
    _, out, err = run("recommend", "--user", "ann")
    assert "because of picture 1" in out and "explores" in err
    assert run("recommend", "--user", "ann", "--cursor", told["next"])[0] == 0
    code, out, _ = run("taste", "--user", "ann", "--set", f"{EACH + 1}=2.5", "--mute", 1)
    assert code == 0 and "muted" in out and "2.5" in out and "100%" in out
    told = json.loads(run("taste", "--user", "ann", "--unmute", 1, "--delete", EACH + 1, "--json")[1])
    assert [sorted(one["pictures"]) for one in told["interests"]] == [[1, 2, 3]]
    file = tmp_path / "ann.json"
    code, out, _ = run("taste", "--user", "ann", "--export", file, "--forget")
    assert code == 0 and out == f"Wrote 5 signals of ann to {file}.\nForgot 5 signals of ann.\n"
    assert len(json.loads(file.read_text())["signals"]) == 5
    assert run("taste", "--user", "ann", "--forget")[1] == "Nothing is known of ann.\n"
    assert "Nothing is known of ann's taste yet" in run("taste", "--user", "ann")[1]


@pytest.mark.parametrize(
    "args",
    [
        ("like", "1"),
        ("like", "9999", "--user", "ann"),
        ("like", "/no/such.png", "--user", "ann"),
        ("hide", "1", "--user", " "),
        ("dislike", "1", "--user", "ann", "--undo"),
        ("recommend",),
        ("recommend", "--user", "ann", "-k", "0"),
        ("recommend", "--user", "ann", "--cursor", "x"),
        ("taste",),
        ("taste", "--user", "ann", "--set", "1"),
        ("taste", "--user", "ann", "--set", "1=x"),
        ("taste", "--user", "ann", "--set", "1=2"),
        ("taste", "--user", "ann", "--delete", "5"),
        ("taste", "--user", "ann", "--mute", "1", "--forget"),
        ("search", "red", "--user", ""),
    ],
)
def test_wrong_use_is_refused_in_a_sentence(run: Run, args: tuple[str, ...]) -> None:
    code, _, err = run(*args)
    assert code == 2 and err.startswith("pixloom: ") and "Traceback" not in err


def test_without_pictures(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", "--user", "ann", "--home", str(settings.home)], load=toy_load) == 0
    assert "Nothing has been indexed yet" in capsys.readouterr().out
    assert main(["taste", "--user", "ann", "--json", "--home", str(settings.home)], load=toy_load) == 0
    assert json.loads(capsys.readouterr().out) == {"user": "ann", "interests": []}


def test_names_with_slashes_are_names_everywhere(client: TestClient) -> None:
    tell(client, "like", 1, 2, user="a/b")
    address = "/v1/users/a%2Fb"
    assert client.get(f"{address}/taste").json()["user"] == "a/b"
    assert len(client.get(f"{address}/export").json()["signals"]) == 2
    assert client.patch(f"{address}/taste", json={"interest": 1, "muted": True}).status_code == 200
    assert client.delete(f"{address}/taste").json() == {"user": "a/b", "forgotten": 2}
    answer = client.post("/v1/feedback", json={"user": "..", "picture": 1, "kind": "like"})
    assert "no user's name" in refused(answer, 400)


def test_of_someone_forgotten_nothing_is_left(settings: Settings, run: Run) -> None:
    for user in ("simone", "b", "c", "d", "e", "f"):
        for picture in (1, 2, 3, 4):
            assert run("like", picture, "--user", user)[0] == 0
    assert run("recommend", "--user", "simone")[0] == 0
    learned = settings.cache / "others.npz"
    assert learned.exists()
    assert run("taste", "--user", "simone", "--forget")[0] == 0
    assert not learned.exists()
    for file in settings.home.glob("catalog.db*"):
        assert b"simone" not in file.read_bytes(), file


def test_an_interest_that_was_deleted_stays_so_after_an_undo(client: TestClient) -> None:
    tell(client, "like", 1, 2)
    (interest,) = client.get("/v1/users/ann/taste").json()["interests"]
    client.patch("/v1/users/ann/taste", json={"interest": interest["id"], "delete": True})
    tell(client, "dislike", 1)
    client.post("/v1/feedback", json={"user": "ann", "undo": True})
    assert client.get("/v1/users/ann/taste").json()["interests"] == []
    tell(client, "like", 1)  # said anew, it counts
    assert len(client.get("/v1/users/ann/taste").json()["interests"]) == 1


def test_steering_is_all_or_nothing(run: Run) -> None:
    assert run("like", 1, "--user", "ann")[0] == 0
    assert run("taste", "--user", "ann", "--mute", "#1", "--mute", "999")[0] == 2
    code, out, _ = run("taste", "--user", "ann", "--json")
    assert code == 0 and [one["muted"] for one in json.loads(out)["interests"]] == [False]
    assert run("taste", "--user", "ann", "--mute", "#1")[0] == 0


def test_an_export_goes_where_it_is_told_and_nowhere_else(run: Run, tmp_path: Path) -> None:
    assert run("like", 1, "--user", "ann")[0] == 0
    kept = tmp_path / "kept.json"
    kept.write_text("old")
    (tmp_path / "link.json").symlink_to(kept)
    assert run("taste", "--user", "ann", "--export", tmp_path / "link.json")[0] == 0
    assert (tmp_path / "link.json").is_symlink() and json.loads(kept.read_text())["user"] == "ann"
    assert run("taste", "--user", "ann", "--export", "/dev/null")[0] == 0
    assert Path("/dev/null").is_char_device()
    code, _, err = run("taste", "--user", "ann", "--export", tmp_path / "none" / "x.json")
    assert code == 2 and "can't be written" in err and not (tmp_path / "none").exists()
