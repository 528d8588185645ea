"""`pixloom tag teach` and the same over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import main
from api.cli.tag_teach import ids as parsed
from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import UsageError
from tests.homes import toy_load
from tests.test_api_http import refused
from tests.test_search_tags_teach import ids, mixed

KEYS = ["tag", "yes", "no", "pictures", "precision", "threshold", "best", "next", "took_ms"]


@pytest.fixture
def red(collection: Collection, tmp_path: Path) -> list[int]:
    """The red ones of forty indexed pictures."""
    collection.index([mixed(tmp_path / "photos", ("green", "blue", "yellow", "red"))])
    return ids(collection, "red")


@pytest.fixture
def client(settings: Settings, red: list[int]) -> Iterator[TestClient]:
    with TestClient(create_app(settings, toy_load), raise_server_exceptions=False) as opened:
        yield opened


def run(settings: Settings, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["tag", *map(str, words), "--home", str(settings.home)], load=toy_load)
    out, err = capsys.readouterr()
    return code, out, err


def told(client: TestClient, name: str, **said: list[int]) -> dict[str, Any]:
    answer = client.post(f"/v1/tags/{name}/teach", json=said)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert list(document) == KEYS and document.pop("took_ms") > 0
    return document


def test_both_ways_in_say_the_same(
    settings: Settings, client: TestClient, red: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    over_http = told(client, "ruby", yes=red[:3], no=[1])
    assert over_http["yes"] == red[:3] and over_http["no"] == [1] and over_http["pictures"] == 10
    assert {one["id"] for one in over_http["best"][:7]} == set(red[3:])
    code, out, _ = run(settings, capsys, "teach", "ruby", "--json")
    document = json.loads(out)
    assert code == 0 and document.pop("took_ms") > 0 and document == over_http
    code, out, _ = run(
        settings, capsys, "teach", "ruby", "--yes", f"{red[3]},#{red[4]}", "--yes", red[5], "--no", 2, "--json"
    )
    assert json.loads(out)["yes"] == red[:6] and json.loads(out)["no"] == [1, 2]
    assert told(client, "Ruby")["yes"] == red[:6]
    assert told(client, "RUBY", forget=[1, red[5]])["yes"] == red[:5]


def test_what_is_said_to_people(settings: Settings, red: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(settings, capsys, "teach", "red")
    assert code == 0 and "red: 0 yes (none), 0 no (none)\nNobody has shown one" in out
    code, out, _ = run(settings, capsys, "teach", "red", "--yes", ",".join(map(str, red[:3])), "--no", "1")
    lines = out.splitlines()
    assert code == 0 and lines[0] == f"red: 3 yes (#{red[0]} #{red[1]} #{red[2]}), 1 no (#1)"
    assert lines[1].startswith("10 pictures have it now. Of those that nobody labelled, about ")
    assert lines[2].startswith("Likeliest without a label: #") and lines[3].startswith("Label next: #")
    code, out, _ = run(settings, capsys, "teach", "red", "--yes", ",".join(map(str, red)))
    assert "10 pictures have it now. All of them were labelled." in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--yes", "3,x"), "'x' is no picture's id"),
        (("--yes", "3,,4"), "'' is no picture's id"),
        (("--yes", "-3"), "'-3' is no picture's id"),
        (("--no", "³"), "is no picture's id"),
        (("--yes", "3", "--no", "3"), "#3 can't be in both yes and no"),
        (("--yes", "3,99999"), "no picture #99999"),
        (("--yes", "9" * 60), "no picture #9999"),
        (("--forget", "3"), "no label of 'red' to forget"),
        (("more",), "more"),
    ],
)
def test_refusals(
    settings: Settings, red: list[int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(settings, capsys, "teach", "red", *words)
    assert code == 2 and out == "" and said in err and "Traceback" not in err


def test_names_on_the_command_line(
    settings: Settings, red: list[int], capsys: pytest.CaptureFixture[str], client: TestClient
) -> None:
    assert run(settings, capsys, "teach", " ", "--yes", red[0])[0] == 2
    assert run(settings, capsys, "teach")[0] == 2
    assert run(settings, capsys, "teach", "a/b", "--yes", red[0])[0] == 0
    assert told(client, "a/b")["yes"] == [red[0]] and told(client, "a%2Fb")["yes"] == [red[0]]
    assert told(client, "Gr%C3%BCn%20%3F")["tag"] == "Grün ?"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"yes": [1], "no": [1]}, 400),
        ({"yes": [4000]}, 404),
        ({"yes": ["1"]}, 422),
        ({"yes": [True]}, 422),
        ({"yes": [-1]}, 422),
        ({"yes": [2**40]}, 422),
        ({"yes": 3}, 422),
        ({"maybe": [1]}, 422),
        ([], 422),
    ],
)
def test_bad_requests(client: TestClient, body: Any, status: int) -> None:
    assert refused(client.post("/v1/tags/red/teach", json=body), status)


def test_bad_names_over_http(client: TestClient) -> None:
    assert "no name" in refused(client.post("/v1/tags/%20/teach", json={}), 400)
    assert "at most 256" in refused(client.post(f"/v1/tags/{'x' * 300}/teach", json={}), 400)


def test_ids_as_users_list_them() -> None:
    assert parsed(["3,8, 9", "#8", "#12"]) == (3, 8, 9, 12) and parsed([]) == ()
    with pytest.raises(UsageError):
        parsed(["##3"])


def test_a_name_in_another_language_teaches_the_same_tag(
    settings: Settings, red: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings, capsys, "teach", "warm", "--yes", red[0])[0] == 0
    assert run(settings, capsys, "translate", "warm", "de", "Warmes")[0] == 0
    code, out, _ = run(settings, capsys, "teach", "warmes", "--yes", red[1], "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["tag"], told["yes"]) == ("warm", sorted(red[:2]))
