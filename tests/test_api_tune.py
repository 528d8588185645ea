"""Tuning over HTTP and on the command line, with real operations in real processes."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from skimage import data

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from tests.homes import toy_load
from tests.test_api_http import refused
from tuner.jobs.worker import START

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """A cat (1) and a coffee (2), indexed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, pixels in (("cat", data.chelsea()), ("coffee", data.coffee())):
        Image.fromarray(pixels[::3, ::3]).save(folder / f"{name}.png")
    with Collection(settings, toy_load) as collection:
        collection.index([folder])
    return folder


@pytest.fixture
def client(settings: Settings, folder: Path) -> Iterator[TestClient]:
    """A server with a worker."""
    with TestClient(create_app(settings, toy_load, start=START), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def run(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line with --json and gives (exit code, document, stderr)."""

    def call(*args: object) -> tuple[int, Any, str]:
        code = main([*map(str, args), "--json", "--home", str(settings.home)], load=toy_load)
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return call


def followed(client: TestClient, id: int) -> dict[str, Any]:
    """The job at the end of its events."""
    with client.stream("GET", f"/v1/jobs/{id}/events") as stream:
        told = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")]
    assert told[-1]["ended_at"] is not None
    last: dict[str, Any] = told[-1]
    return last


def test_from_a_query_to_an_outcome_that_is_found(client: TestClient) -> None:
    asked = {"operation": "tone", "parameters": {"exposure": 0.4}, "pictures": [1, 2], "user": "ann"}
    answer = client.post("/v1/jobs", json=asked)
    assert answer.status_code == 202 and answer.json()["state"] in ("waiting", "running")
    job = followed(client, answer.json()["id"])
    assert (job["state"], job["done"], job["failed"]) == ("done", 2, 0)
    assert client.get(f"/v1/jobs/{job['id']}/preview").headers["content-type"] == "image/webp"
    outcomes = [item["outcome"] for item in job["items"]]
    for parent, outcome in zip((1, 2), outcomes, strict=True):
        told = client.get(f"/v1/pictures/{parent}/edits").json()
        assert [edit["id"] for edit in told["edits"]] == [outcome] and told["made"] is None
        made = client.get(f"/v1/pictures/{outcome}/edits").json()
        assert made["original"] == parent and made["line"] == [outcome, parent]
        assert made["made"]["operation"] == "tone" and made["made"]["owner"] == "ann"
        assert Image.open(io.BytesIO(client.get(f"/v1/pictures/{outcome}/before-after").content)).format == "WEBP"
    found = client.get("/v1/search", params={"q": "edit-of:1"}).json()["results"]
    assert [(one["id"], one["parent"]) for one in found] == [(outcomes[0], 1)]


def test_a_mask_comes_as_a_data_url(client: TestClient) -> None:
    size = Image.open(io.BytesIO(client.get("/v1/pictures/1/file").content)).size
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[20:40, 30:60] = 255
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    job = followed(
        client,
        client.post("/v1/jobs", json={"operation": "inpaint", "pictures": [1], "parameters": {"mask": url}}).json()[
            "id"
        ],
    )
    assert job["state"] == "done", job
    parameters = client.get(f"/v1/pictures/{job['items'][0]['outcome']}/edits").json()["made"]["parameters"]
    assert parameters["mask"].startswith("kept:")
    before, after = (
        np.asarray(Image.open(io.BytesIO(client.get(f"/v1/pictures/{id}/file").content)).convert("RGB"), int)
        for id in (1, job["items"][0]["outcome"])
    )
    changed = np.abs(before - after).max(2) > 0
    assert changed[20:40, 30:60].any() and not changed[mask == 0].any()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"operation": "tonne", "pictures": [1]}, "Did you mean tone?"),
        ({"operation": "tone", "pictures": [1], "parameters": {"expozure": 1}}, "Did you mean exposure?"),
        ({"operation": "tone", "pictures": [1], "parameters": {"exposure": 99}}, "exposure can't be 99"),
        ({"operation": "inpaint", "pictures": [1], "parameters": {"mask": "/etc/passwd"}}, "id of a picture"),
        ({"operation": "tone"}, "needs a picture"),
    ],
)
def test_what_can_not_be_asked(client: TestClient, asked: dict[str, Any], said: str) -> None:
    assert said in refused(client.post("/v1/jobs", json=asked), 400)
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_operations_describe_themselves(client: TestClient) -> None:
    told = {one["name"]: one for one in client.get("/v1/operations", params={"picture": 1}).json()["operations"]}
    sigma = {one["name"]: one for one in told["denoise"]["parameters"]}
    assert sigma["strength"]["minimum"] == 0 and sigma["strength"]["maximum"] == 1
    for one in told.values():
        assert sum(method["used"] for method in one["methods"]) == 1
        assert one["estimate"]["seconds"] > 0 and one["estimate"]["memory"] > 0
    assert client.get("/v1/operations").json()["operations"][0]["estimate"] is None
    refused(client.get("/v1/operations", params={"picture": 99}), 404)


def test_previews(client: TestClient) -> None:
    def preview(**query: Any) -> Any:
        return client.get("/v1/pictures/1/preview", params=query)

    first = preview(operation="tone", p="exposure=0.5", size=64)
    assert first.headers["content-type"] == "image/webp"
    assert max(Image.open(io.BytesIO(first.content)).size) == 64
    assert preview(operation="tone", p="exposure=0.5", size=64).content == first.content
    assert "Did you mean" in refused(preview(operation="ton"), 400)
    assert "name=value" in refused(preview(operation="tone", p="exposure"), 400)
    assert "size is 5" in refused(preview(operation="tone", size=5), 400)
    assert "id of a picture" in refused(preview(operation="palette", p="reference=/etc/passwd"), 400)
    refused(client.get("/v1/pictures/99/preview", params={"operation": "tone"}), 404)
    refused(client.get("/v1/pictures/1/before-after"), 404)


def test_the_command_line_waits_for_the_outcome(run: Run, folder: Path) -> None:
    code, told, _ = run("tune", "tone", 1, "-p", "exposure=0.4")
    assert code == 0 and told["state"] == "done"
    (result,) = told["results"]
    assert Path(result["path"]) == folder / "pixloom-edits/cat.tone.png" and result["picture"] == 1
    code, told, _ = run("edits", 1)
    assert code == 0 and [edit["id"] for edit in told["edits"]] == [result["outcome"]]
    code, told, _ = run("edits", result["outcome"], "--again")
    assert code == 0 and told == {"picture": result["outcome"], "same": True, "apart": 0.0}
    code, told, _ = run("jobs")
    assert code == 0 and [job["state"] for job in told["jobs"]] == ["done"]


def test_failures_are_listed_and_the_rest_goes_on(run: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "coffee.png").unlink()
    code, told, _ = run("tune", "tone", 1, 2, "-p", "exposure=0.4", "-o", tmp_path / "out")
    assert code == 1
    assert [item["state"] for item in told["results"]] == ["done", "failed"]
    assert "gone" in told["results"][1]["reason"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cat.tone.png"]


def test_a_picture_that_is_not_in_the_collection_is_taken_in(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.png"
    Image.fromarray(data.rocket()[::4, ::4]).save(path)
    code, told, _ = run("tune", "tone", path, "-p", "exposure=0.4")
    assert code == 0 and Path(told["results"][0]["path"]) == tmp_path / "pixloom-edits/new.tone.png"


@pytest.mark.parametrize(
    "args",
    [
        ("tune", "nonsense", 1),
        ("tune", "tone", 99),
        ("tune", "tone", "no-such.png"),
        ("tune", "tone", 1, "-p", "exposure"),
        ("tune", "tone", 1, "-p", "exposure=bright"),
        ("tune", "tone"),
        ("edits", 1, "--again"),
        ("operations", "tonne"),
    ],
)
def test_wrong_use_is_refused(run: Run, args: tuple[object, ...]) -> None:
    assert run(*args)[0] == 2


def test_operations_as_a_table(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args, wanted in (([], "photomosaic"), (["denoise", "--picture", "1"], "For this picture:")):
        assert main(["operations", *args, "--home", str(settings.home)], load=toy_load) == 0
        assert wanted in capsys.readouterr().out
