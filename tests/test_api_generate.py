"""`pixloom generate`, and generating over HTTP, with a tiny real diffusion pipeline in real processes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from tests.homes import toy_load
from tests.test_api_http import refused
from tests.test_api_tune import followed
from tuner.edits import edit_of
from tuner.jobs.worker import START

Run = Callable[..., tuple[int, Any, str]]
SMALL = {"steps": 2, "width": 32, "height": 32}


@pytest.fixture
def folder(settings: Settings, photos: Callable[..., Path]) -> Path:
    """Six colours (1 to 6), indexed."""
    folder = photos("red", "blue", "green", "yellow", "orange", "purple")
    with Collection(settings, toy_load) as collection:
        collection.index([folder])
    return folder


@pytest.fixture
def run(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line with --json and gives (exit code, document, stderr)."""

    def call(*args: object, **parameters: object) -> tuple[int, Any, str]:
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
        code = main([*map(str, args), *given, "--json", "--home", str(settings.home)], load=toy_load)
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return call


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_candidates_are_made_ranked_and_made_again(run: Run, diffusion_model: str, settings: Settings) -> None:
    code, told, _ = run("generate", "a red thing", "-n", 3, "--seed", 2**32 - 2, model=diffusion_model, **SMALL)
    assert code == 0 and told["state"] == "done"
    results = told["results"]
    assert [one["seed"] for one in results] == [2**32 - 2, 2**32 - 1, 0], "seeds begin again"
    paths = [Path(one["path"]) for one in results]
    assert all(path.parent == settings.generated and path.name.startswith("a-red-thing.generate") for path in paths)
    pictures = [pixels(one["path"]) for one in results]
    assert all(picture.shape == (32, 32, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[1], pictures[2])
    assert sorted(one["outcome"] for one in told["ranking"]) == sorted(one["outcome"] for one in results)
    scores = [one["score"] for one in told["ranking"]]
    assert scores == sorted(scores, reverse=True) and [one["place"] for one in told["ranking"]] == [1, 2, 3]
    assert all({"text", "aesthetic"} == set(one["parts"]) for one in told["ranking"])
    last = results[-1]["outcome"]
    with Collection(settings, toy_load) as collection, collection.catalog.database.read() as connection:
        edit = edit_of(connection, last)
    assert edit and edit.seed == 0 and edit.parent is None and edit.source_type == "trainedAlgorithmicMedia"
    assert edit.model == Path(diffusion_model).name and edit.model_hash and len(edit.model_hash) == 64
    assert run("edits", last, "--again")[1] == {"picture": last, "same": True, "apart": 0.0}


def test_only_the_best_are_kept_and_nothing_else_is_touched(run: Run, settings: Settings, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code, told, _ = run("generate", "a red thing", "-n", 3, "--best", 1, method="compose")
    assert code == 0
    removed = {one["outcome"] for one in told["results"] if one["removed"]}
    assert len(removed) == 2 and removed == {one["outcome"] for one in told["ranking"][1:]}
    kept = next(one for one in told["results"] if not one["removed"])
    assert [path for path in settings.generated.iterdir() if path.suffix != ".part"] == [Path(kept["path"])]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    status = run("status")[1]
    assert status["pictures"] == 7 and status["files"] == 7
    with Collection(settings, toy_load) as collection, collection.catalog.database.read() as connection:
        edit = edit_of(connection, kept["outcome"])
    assert edit and edit.source_type == "compositeCapture" and edit.model is None
    assert len(edit.sources) >= 2 and {role for _, role in edit.sources} == {"part"}
    assert run("edits", kept["outcome"], "--again")[1]["same"]


def test_what_it_shall_be_like_is_noted_as_its_source(run: Run, diffusion_model: str, settings: Settings) -> None:
    code, told, _ = run(
        "generate", "a thing", "-n", 1, model=diffusion_model, like="1,2", enrich="true", progressive="true", **SMALL
    )
    assert code == 0, told
    outcome, notes = told["results"][0]["outcome"], " ".join(told["results"][0]["notes"])
    assert "#1, #2" in notes
    with Collection(settings, toy_load) as collection, collection.catalog.database.read() as connection:
        edit = edit_of(connection, outcome)
    assert edit and edit.sources == ((1, "reference"), (2, "reference"))
    assert edit.parameters["enrich"] is False and edit.parameters["prompt"].startswith("a thing")
    assert run("edits", outcome, "--again")[1]["same"]


def test_without_a_model_it_says_what_to_do(run: Run) -> None:
    code, told, _ = run("generate", "a dog", "-n", 1)
    assert code == 2 and "pixloom models pull" in told["reason"] and "method=compose" in told["reason"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("",), "needs a prompt"),
        (("x" * 100_001,), "100000 characters"),
        (("a dog", "-n", 0), "The count is 0"),
        (("a dog", "-n", 65), "The count is 65"),
        (("a dog", "--seed", 2**32), "The seed is"),
        (("a dog", "--seed", -1), "The seed is"),
        (("a dog", "--best", 5), "--best is 5"),
        (("a dog", "-p", "guidence=3"), "Did you mean guidance?"),
    ],
)
def test_wrong_use_is_refused(run: Run, args: tuple[object, ...], said: str) -> None:
    code, told, err = run("generate", *args)
    assert code == 2 and said in err + json.dumps(told)


def test_over_http(settings: Settings, folder: Path) -> None:
    with TestClient(create_app(settings, toy_load, start=START), raise_server_exceptions=False) as client:
        asked = {"operation": "generate", "parameters": {"prompt": "a red thing", "method": "compose"}, "count": 2}
        answer = client.post("/v1/jobs", json=asked)
        assert answer.status_code == 202 and answer.json()["preview"] is False
        job = followed(client, answer.json()["id"])
        assert (job["state"], job["done"], job["preview"]) == ("done", 2, False)
        assert [item["seed"] for item in job["items"]] == [0, 1]
        ranking = client.get(f"/v1/jobs/{job['id']}").json()["ranking"]
        assert {one["outcome"] for one in ranking} == {item["outcome"] for item in job["items"]}
        for wrong, said in BAD:
            assert said in refused(client.post("/v1/jobs", json={"operation": "generate", **wrong}), 400)
        unknown = {"operation": "generate", "parameters": {"prompt": "a dog", "model": "z-image-turbi"}}
        told = followed(client, client.post("/v1/jobs", json=unknown).json()["id"])
        assert "Did you mean z-image-turbo?" in told["reason"]
        forbidden = {"operation": "generate", "parameters": {"prompt": "a dog", "model": "sd15"}}
        told = followed(client, client.post("/v1/jobs", json=forbidden).json()["id"])
        assert "pixloom models pull sd15 --accept-licence" in told["reason"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"parameters": {"prompt": ""}}, "needs a prompt"),
    ({"parameters": {"prompt": " "}}, "needs a prompt"),
    ({"parameters": {"prompt": "x" * 100_001}}, "prompt"),
    ({"parameters": {"prompt": "a dog"}, "count": 0}, "The count is 0"),
    ({"parameters": {"prompt": "a dog"}, "count": 65}, "The count is 65"),
    ({"parameters": {"prompt": "a dog"}, "seed": 2**32}, "The seed is"),
    ({"parameters": {"prompt": "a dog"}, "pictures": [1]}, "takes no picture"),
    ({"operation": "restyle", "parameters": {"prompt": "a dog"}}, "needs a picture"),
    ({"operation": "tone", "pictures": [1], "count": 2}, "no candidates to count"),
]
