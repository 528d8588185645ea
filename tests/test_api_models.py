"""`pixloom models` and its commands, and the same over HTTP."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import main
from api.cli import models as command
from indexer.config import Settings
from indexer.models import TASKS, machine, shelf
from indexer.models.machine import Machine
from indexer.models.spec import ModelSpec
from indexer.models.table import TABLE
from tests.homes import toy_load
from tests.sources import Source, served

BODY = bytes(range(256)) * 20
KEYS = {"name", "task", "licence", "size", "speed", "source", "sha256", "dimension", "note", "notice", "active"}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModelSpec]:
    """A model of a server on this machine, listed last; the home folder is `home`."""
    monkeypatch.setenv("PIXLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIXLOOM_ENCODER", "toy")
    monkeypatch.setenv("PIXLOOM_HUB_TIMEOUT", "20")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    with served(Source({"/toy.pth": BODY})) as source:
        sha256 = hashlib.sha256(BODY).hexdigest()
        address = f"{source.url}/toy.pth"
        spec = ModelSpec(
            "toy-x2", "upscale", "CC-BY-NC-4.0", len(BODY), "fast", address, "", "url", sha256=sha256, commercial=False
        )
        monkeypatch.setattr(shelf, "trained", lambda _: (spec,))
        yield spec


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["models", *words], toy_load)
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code, out, _ = run(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def test_every_model_is_listed(toy: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    lines = out.splitlines()
    assert code == 0 and len(lines) == 1 + len(TABLE) + 1
    assert " ".join(lines[0].split()) == "name task licence size memory speed languages from here used by"
    row = next(line for line in lines if "nudenet-320n" in line)
    assert "AGPL-3.0" in row and "~fast" in row and "package nudenet" in row and "nothing yet" in row
    told = document(capsys)["models"]
    assert [model["name"] for model in told] == [*(spec.name for spec in TABLE), "toy-x2"]
    for model in told:
        assert set(model) >= KEYS | {"memory", "languages", "here", "facts", "unverified", "used_by", "commercial"}
    assert not any(model["active"] for model in told)


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_models_and_says_why(task: str, toy: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--for", task)
    assert code == 0 and out.startswith("1. ") and "needs " in out and "This machine: memory" in err
    told = document(capsys, "--for", task)
    assert told["task"] == task and told["machine"]["memory"] > 0
    assert {model["name"] for model in told["models"]} == {s.name for s in shelf.listed(Settings()) if s.task == task}
    assert all(model["why"] and model["device"] in ("cpu", "gpu") for model in told["models"])
    fits = [model["fits"] for model in told["models"]]
    assert fits == sorted(fits, reverse=True)


def test_a_machine_on_which_nothing_fits(
    toy: ModelSpec, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "this_machine", lambda: Machine(10**6, 10**5))
    code, out, err = run(capsys, "--for", "generate")
    assert code == 0 and out.count("doesn't fit") == len([spec for spec in TABLE if spec.task == "generate"])
    assert "None of them fits" in err


def test_torch_is_not_loaded_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_has_driver", lambda: False)
    monkeypatch.setattr(machine, "gpu", lambda: pytest.fail("torch would be imported"))
    assert machine.this_machine().gpu is None


def test_pull_and_what_is_told_of_it(toy: ModelSpec, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "home/models/toy-x2/toy.pth"
    code, out, err = run(capsys, "pull", "toy-x2")
    assert code == 2 and "CC-BY-NC-4.0: it doesn't allow every use" in err and not path.exists()
    assert "pixloom models pull toy-x2 --accept-licence" in err
    code, out, err = run(capsys, "pull", "toy-x2", "--accept-licence")
    assert code == 0 and out == f"toy-x2 (5.1 kB) is here now: {path}\n"
    assert "CC-BY-NC-4.0, doesn't allow every use" in err and path.read_bytes() == BODY
    told = document(capsys, "pull", "toy-x2")
    assert (told["path"], told["new"], told["here"]) == (str(path), False, "yes")
    assert next(model for model in document(capsys)["models"] if model["name"] == "toy-x2")["here"] == "yes"
    path.write_bytes(b"short")
    assert next(model for model in document(capsys)["models"] if model["name"] == "toy-x2")["here"] == "damaged"
    code, out, _ = run(capsys, "--for", "upscale")
    assert "toy-x2 (damaged: pull it again)" in out
    other = tmp_path / "other"
    told = document(capsys, "pull", "toy-x2", "--accept-licence", "--home", str(other))
    assert told["path"] == str(other / "models/toy-x2/toy.pth") and told["accepted"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pull", "toy-x3"), "No model 'toy-x3' is listed; closest: toy-x2"),
        (("pull",), "Missing argument"),
        (("pull", "toy-x2", "more"), "more"),
        (("drop-it",), "drop-it"),
        (("--for", "nothing"), "--for is 'nothing': there is no such task. Valid: encoder, upscale"),
        (("--json", "pull", "toy-x2"), "Options stand behind the command: pixloom models pull ..."),
    ],
)
def test_wrong_use(words: tuple[str, ...], told: str, toy: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, *words)
    assert code == 2 and told in err and "Traceback" not in err


def test_a_refusal_is_a_document_too(
    toy: ModelSpec, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.pull.url.reachable", lambda *_: False)
    code, out, err = run(capsys, "pull", "toy-x2", "--accept-licence", "--json")
    assert code == 2 and json.loads(out)["status"] == 503 and "can't be reached: connect" in err


def test_help_names_the_commands(toy: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0 and "pull" in out and "--for" in out
    code, out, _ = run(capsys, "pull", "--help")
    assert code == 0 and "NAME" in out


def test_the_same_over_http(toy: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    with TestClient(create_app(Settings(), toy_load), base_url="http://127.0.0.1") as client:
        answer = client.get("/v1/models").json()
    assert answer == document(capsys)
