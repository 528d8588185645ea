"""`pixloom models switch`, `rollback` and `drop`, and the same over HTTP."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import COMMANDS, main
from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import UnreachableError
from indexer.switch import Switch
from search.engine import Engine
from tests.test_api_http import png, refused
from tests.test_indexer_pipeline import many
from tests.toys import OtherToy, ToyEncoder, any_toy

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    """A home with twenty pictures, where changes to two models were begun before."""
    with Collection(settings, any_toy) as collection:
        collection.index([many(tmp_path / "photos", 20)])
        with collection.switching():
            for name in ("head:A", "other"):
                Switch.to(collection, name)
        Engine(collection).search("a red wall")
    return settings.home


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the commands as a group of their own and gives (exit code, stdout, stderr)."""
    monkeypatch.setitem(COMMANDS, "life", ("api.cli.switch", ""))

    def call(*args: str, load: Any = any_toy) -> tuple[int, str, str]:
        code = main(["life", *args, "--home", str(home)], load=load)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_switch_rollback_and_drop(run: Any, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    code, out, err = run("switch", "other")
    assert code == 0
    assert "other answers now (20 pictures read, 0 projected" in out and "models rollback" in out
    assert "overlap@10" in out and "a red wall" in out and "embed" in err
    assert "answers already" in run("switch", "other")[1]
    code, out, _ = run("rollback", "--json")
    told = json.loads(out)
    assert (code, told["encoder"], told["previous"], told["switched"]) == (0, "toy", "other", True)
    assert told["comparison"] is None
    told = json.loads(run("switch", "other", "--json")[1])
    assert told["comparison"]["new"]["encoder"] == "other"
    assert told["comparison"]["queries"][0]["query"] == '"a red wall"'
    main(["status", "--home", str(home)], load=any_toy)
    assert "previous  toy" in capsys.readouterr().out
    assert json.loads(run("drop", "toy", "--json")[1])["bytes"] == 20 * 72
    assert "Dropped" not in run("drop", "other")[1]


def test_refusals_are_sentences(run: Any) -> None:
    def unreachable(name: str, settings: Settings) -> ToyEncoder:
        if name == "far":
            raise UnreachableError("The hub can't be reached.")
        return any_toy(name, settings)

    for args, said in (
        (("switch", " "), "empty"),
        (("switch",), "NAME"),
        (("switch", "far"), "can't be reached"),
        (("rollback",), "nothing to go back to"),
        (("drop", "toy"), "answers"),
        (("drop", "nothing"), "no index of nothing"),
    ):
        code, out, err = run(*args, load=unreachable)
        assert (code, out) == (2, "") and said in err and "Traceback" not in err
    assert json.loads(run("switch", "far", "--json", load=unreachable)[1])["status"] == 503


def test_a_stop_keeps_what_was_done(run: Any, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import os, signal, sys, threading\n"
        "from api.cli import COMMANDS, main\n"
        "from tests.toys import OtherToy, any_toy\n"
        "COMMANDS['life'] = ('api.cli.switch', '')\n"
        "def load(name, settings):\n"
        "    encoder = any_toy(name, settings)\n"
        "    honest, calls = encoder.encode_pictures, []\n"
        "    def encode(batch):\n"
        "        calls.append(1)\n"
        "        if len(calls) == 2:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "        return honest(batch)\n"
        "    encoder.encode_pictures = encode\n"
        "    return encoder\n"
        "sys.exit(main(['life', 'switch', 'other', '--home', sys.argv[1]], load=load))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 130 and "goes on from there" in done.stderr and "Traceback" not in done.stderr
    main(["status", "--json", "--home", str(home)], load=any_toy)
    status = json.loads(capsys.readouterr().out)
    assert status["encoder"] == "toy" and status["building"]["encoder"] == "other"
    main(["status", "--home", str(home)], load=any_toy)
    assert "of 20 pictures (`pixloom models switch other` goes on)" in capsys.readouterr().out
    assert run("switch", "other")[0] == 0


@pytest.fixture
def client(settings: Settings, home: Path) -> Iterator[TestClient]:
    """A client of a server over the home."""
    with TestClient(create_app(settings, any_toy), raise_server_exceptions=False) as opened:
        yield opened


def ended(client: TestClient) -> dict[str, Any]:
    """The change's last state, once it has come to an end."""
    for _ in range(600):
        told: dict[str, Any] = client.get("/v1/models/switch").json()
        if told["state"] != "running":
            return told
        time.sleep(0.05)
    raise AssertionError(told)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The new model stops at its first batch until the event is set."""
    go, honest = threading.Event(), OtherToy.encode_pictures

    def encode(self: OtherToy, batch: Any) -> Any:
        assert go.wait(30)
        return honest(self, batch)

    monkeypatch.setattr(OtherToy, "encode_pictures", encode)
    yield go
    go.set()


def test_a_server_changes_models_while_it_answers(client: TestClient, held: threading.Event) -> None:
    assert client.get("/v1/models/switch").json()["state"] == "idle"
    begun = client.post("/v1/models/switch", json={"name": "other"})
    assert begun.status_code == 202 and begun.json()["state"] == "running"
    assert "under way" in refused(client.post("/v1/models/switch", json={"name": "head:A"}), 409)
    assert client.get("/v1/search", params={"q": "red"}).json()["encoder"] == "toy"
    sent = client.post("/v1/pictures", files={"picture": ("new.png", png("teal"))})
    assert sent.status_code == 201, "an upload doesn't wait for the build"
    new = sent.json()["pictures"][0]["id"]
    assert client.get("/v1/search", params={"q": f"#{new}"}).json()["encoder"] == "toy"
    assert client.get("/v1/status").json()["building"] == {"encoder": "other", "pictures": 0, "of": 21}
    held.set()
    told = ended(client)
    assert (told["state"], told["switched"], told["error"]) == ("done", True, None)
    assert told["comparison"]["old"]["encoder"] == "toy" and 0 <= told["comparison"]["overlap@10"] <= 1
    found = client.get("/v1/search", params={"q": f"#{new}"}).json()
    assert found["encoder"] == "other" and found["results"][0]["id"] == new
    assert client.get("/v1/status").json()["previous"] == "toy"
    assert client.post("/v1/models/rollback").status_code == 202
    assert ended(client)["switched"]
    assert client.get("/v1/search", params={"q": "red"}).json()["encoder"] == "toy"


def test_a_server_can_be_told_to_stop(client: TestClient, held: threading.Event) -> None:
    assert "No change" in refused(client.delete("/v1/models/switch"), 400)
    assert "nothing to go back to" in refused(client.post("/v1/models/rollback"), 400)
    refused(client.post("/v1/models/switch", json={"name": ""}), 422)
    refused(client.post("/v1/models/switch", json={"nom": "x"}), 422)
    client.post("/v1/models/switch", json={"name": "other"})
    assert client.delete("/v1/models/switch").status_code == 202
    held.set()
    assert ended(client)["state"] == "stopped"
    assert client.get("/v1/status").json()["encoder"] == "toy"
    client.post("/v1/models/switch", json={"name": "other"})
    assert ended(client)["state"] == "done", "the same change goes on"


def test_what_goes_wrong_is_told(settings: Settings, home: Path) -> None:
    def load(name: str, settings: Settings) -> ToyEncoder:
        if name == "far":
            raise UnreachableError("The hub can't be reached.")
        return any_toy(name, settings)

    far = settings.model_copy(update={"encoder": "far"})
    with TestClient(create_app(far, load), raise_server_exceptions=False) as client:
        for name in ("clip:/tmp/model", "clip:hf-hub:someone/else", "../model", "nonsense"):
            assert "command line" in refused(client.post("/v1/models/switch", json={"name": name}), 400)
        client.post("/v1/models/switch", json={"name": "far"})
        told = ended(client)
        assert told["state"] == "failed"
        assert (told["error"]["status"], told["error"]["detail"]) == (503, "The hub can't be reached.")
        with Collection(settings, load) as other, other.switching():
            assert "change of models" in refused(client.post("/v1/models/switch", json={"name": "other"}), 409)
        client.post("/v1/models/switch", json={"name": "other"})
        assert ended(client)["state"] == "done", "a failure is not for ever"


def test_a_server_that_ends_stops_the_change(settings: Settings, home: Path, held: threading.Event) -> None:
    threading.Timer(0.5, held.set).start()
    with TestClient(create_app(settings, any_toy)) as client:
        client.post("/v1/models/switch", json={"name": "other"})
    assert not [thread for thread in threading.enumerate() if thread.name == "switch"]
    with Collection(settings, any_toy) as collection, collection.switching():
        assert collection.status()["encoder"] == "toy"
        assert collection.status()["building"]["encoder"] == "other"


def test_a_change_by_another_process_is_noticed(client: TestClient, settings: Settings, home: Path) -> None:
    assert client.get("/v1/search", params={"q": "red"}).json()["encoder"] == "toy"
    code = (
        "import sys\n"
        "from api.cli import COMMANDS, main\n"
        "from tests.toys import any_toy\n"
        "COMMANDS['life'] = ('api.cli.switch', '')\n"
        "sys.exit(main(['life', *sys.argv[1:]], load=any_toy))\n"
    )
    for args, expected in ((("switch", "other"), "other"), (("rollback",), "toy")):
        command = [sys.executable, "-c", code, *args, "--home", str(home)]
        assert subprocess.run(command, capture_output=True, cwd=ROOT).returncode == 0
        answer = client.get("/v1/search", params={"q": "red", "all": True}).json()
        with Collection(settings, any_toy) as collection:
            oracle = Engine(collection).search("red", show_all=True)
        assert answer["encoder"] == oracle.encoder == expected
        assert [one["id"] for one in answer["results"]] == [one.id for one in oracle.results]
