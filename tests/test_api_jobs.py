"""Jobs over HTTP and on the command line, with real worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from tests.jobs import START
from tests.test_api_http import refused
from tests.toys import any_toy

pytestmark = pytest.mark.usefixtures("toy_operations")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(collection: Collection, photos: Callable[..., Path]) -> Path:
    """Four indexed pictures."""
    collection.index([photos("red", "blue", "green", "red-2")])
    return collection.settings.home


@pytest.fixture
def client(settings: Settings, home: Path) -> Iterator[TestClient]:
    """A client of a server without a worker."""
    with TestClient(create_app(settings, any_toy), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def working(settings: Settings, home: Path) -> Iterator[TestClient]:
    """A client of a server with a worker."""
    with TestClient(create_app(settings, any_toy, start=START), raise_server_exceptions=False) as opened:
        yield opened


def posted(client: TestClient, **asked: Any) -> dict[str, Any]:
    """A job of the toy operation, as the answer to the request tells it."""
    answer = client.post("/v1/jobs", json={"operation": "toy", "user": "ann"} | asked)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


def until(client: TestClient, id: int, *states: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while (told := client.get(f"/v1/jobs/{id}").json())["state"] not in states:
        assert time.monotonic() < end, told
        time.sleep(0.05)
    found: dict[str, Any] = told
    return found


def test_a_job_from_request_to_outcome(working: TestClient) -> None:
    job = posted(working, pictures=[1, 2, 3], parameters={"do": "fail", "to": [2]}, seed=3)
    assert job["state"] in ("waiting", "running") and job["id"] == 1 and job["total"] == 3
    told = until(working, 1, "done")
    assert (told["done"], told["failed"], told["reason"]) == (2, 1, "1 of 3 pictures have no outcome.")
    assert [(item["picture"], item["state"], item["outcome"]) for item in told["items"]] == [
        (1, "done", 1),
        (2, "failed", None),
        (3, "done", 3),
    ]
    assert told["items"][1]["reason"] == "The outcome is flat." and told["items"][0]["ssim"] == 0.8
    preview = working.get("/v1/jobs/1/preview")
    assert preview.headers["content-type"] == "image/webp" and preview.content[8:12] == b"WEBP"
    again = working.post("/v1/jobs/1/retry", json={"user": "ann"})
    assert again.status_code == 202 and again.json()["retry_of"] == 1 and again.json()["total"] == 1
    assert working.get("/v1/status").json()["jobs"]["waiting"] <= 1
    assert "pixloom_jobs" in working.get("/metrics").text


def test_a_job_can_be_followed(working: TestClient) -> None:
    job = posted(working, pictures=[1], parameters={"seconds": 1.5})
    answer = working.get(f"/v1/jobs/{job['id']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [block for block in answer.text.split("\n\n") if block.startswith("event: job\ndata: ")]
    told = [json.loads(block.removeprefix("event: job\ndata: ")) for block in events]
    states = [one["state"] for one in told]
    order = ("waiting", "running", "done")
    assert states[-1] == "done" and "running" in states and states == sorted(states, key=order.index)
    assert any(one["steps"] == 30 and one["what"] == "sleeping" for one in told)
    assert told[-1]["items"][0]["outcome"] == 1
    refused(working.get("/v1/jobs/99/events"), 404)


def test_whoever_follows_a_job_does_not_keep_the_server_from_ending(client: TestClient) -> None:
    id = posted(client, pictures=[1])["id"]
    client.app.state.stopping = lambda: True  # type: ignore[attr-defined]
    assert client.get(f"/v1/jobs/{id}/events").text == ""


def test_a_preview_is_looked_at_and_the_job_goes_on_or_not(working: TestClient) -> None:
    jobs = [posted(working, pictures=[1], confirm=True)["id"] for _ in range(2)]
    for id in jobs:
        until(working, id, "paused")
        assert working.get(f"/v1/jobs/{id}/preview").status_code == 200
        assert "belongs to ann" in refused(working.post(f"/v1/jobs/{id}/resume", json={"user": "bob"}), 403)
    assert working.post(f"/v1/jobs/{jobs[0]}/resume", json={"user": "ann"}).status_code == 202
    assert until(working, jobs[0], "done")["done"] == 1
    assert working.delete(f"/v1/jobs/{jobs[1]}", params={"user": "ann"}).json()["state"] == "cancelled"


def test_a_running_job_is_cancelled_by_its_owner_within_a_second(working: TestClient) -> None:
    id = posted(working, pictures=[1], parameters={"do": "spin", "seconds": 50})["id"]
    while working.get(f"/v1/jobs/{id}").json()["step"] == 0:
        time.sleep(0.05)
    refused(working.delete(f"/v1/jobs/{id}", params={"user": "bob"}), 403)
    refused(working.delete(f"/v1/jobs/{id}"), 403)
    asked = time.monotonic()
    assert working.delete(f"/v1/jobs/{id}", params={"user": "ann"}).json()["cancelling"]
    assert until(working, id, "cancelled")["reason"] == "It was cancelled."
    assert time.monotonic() - asked < 1.2


def test_pictures_may_be_found_by_a_query(client: TestClient) -> None:
    job = posted(client, query="red", k=2)
    told = client.get(f"/v1/jobs/{job['id']}").json()
    found = client.get("/v1/search", params={"q": "red", "k": 2}).json()["results"]
    assert [item["picture"] for item in told["items"]] == [one["id"] for one in found] and told["place"] == 1


def _refusal(client: TestClient, status: int, **asked: Any) -> str:
    return refused(client.post("/v1/jobs", json={"operation": "toy", "user": "ann"} | asked), status)


def test_refusals(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    assert "Did you mean" in _refusal(client, 400, operation="tonne", pictures=[1])
    assert "Did you mean seconds" in _refusal(client, 400, pictures=[1], parameters={"second": 1})
    assert "either pictures or a query" in _refusal(client, 400, pictures=[1], query="red")
    assert "needs a picture" in _refusal(client, 400)
    assert "Nothing in the collection" in _refusal(client, 400, query="tag:nothing")
    assert "#77" in _refusal(client, 404, pictures=[1, 77])
    assert "seed" in _refusal(client, 400, pictures=[1], seed=-3)
    _refusal(client, 422, pictures=["a"])
    _refusal(client, 422, pictures=[1], worker="x")
    _refusal(client, 422, pictures=[1], user="x" * 2000)
    assert "#10" in _refusal(client, 404, pictures=[10**30])
    for id in ("0", "999", "2147483647"):
        refused(client.get(f"/v1/jobs/{id}"), 404)
    refused(client.get("/v1/jobs/99999999999"), 422)
    refused(client.get("/v1/jobs", params={"state": "asleep"}), 422)
    assert "no preview" in refused(client.get(f"/v1/jobs/{posted(client, pictures=[1])['id']}/preview"), 404)
    small = settings.model_copy(update={"jobs_per_owner": 1})
    with TestClient(create_app(small, any_toy), raise_server_exceptions=False) as other:
        assert "ann has 1 jobs" in _refusal(other, 429, pictures=[1])
        posted(other, pictures=[1], user="bob")


@pytest.mark.parametrize(
    "named", ["/etc/passwd", "beach.jpg", "12x", "-1", "#", "data:image/png;base64,%", ["1", "/x"]]
)
def test_the_network_names_no_files(client: TestClient, named: Any) -> None:
    assert "reference" in _refusal(client, 400, pictures=[1], parameters={"reference": named})


def test_a_data_url_has_to_hold_a_picture(client: TestClient) -> None:
    url = "data:image/png;base64,AAAA"
    assert "not a picture" in _refusal(client, 422, pictures=[1], parameters={"reference": url})


def test_pictures_are_named_by_id(client: TestClient) -> None:
    for named, kept in (("3", "#3"), ("#3", "#3"), ("", "")):
        assert posted(client, pictures=[1], parameters={"reference": named})["parameters"]["reference"] == kept


def test_lists(client: TestClient) -> None:
    for user in ("ann", "bob", "ann"):
        posted(client, pictures=[1], user=user)
    told = client.get("/v1/jobs", params={"user": "ann", "limit": 1}).json()
    assert [job["id"] for job in told["jobs"]] == [3] and told["next"] == 3
    told = client.get("/v1/jobs", params={"user": "ann", "limit": 2, "before": 3, "state": "waiting"}).json()
    assert [job["id"] for job in told["jobs"]] == [1] and told["next"] is None
    assert client.get("/v1/status").json()["jobs"] == {"waiting": 3, "running": 0}


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `pixloom jobs` and gives (exit code, stdout, stderr)."""

    def call(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["jobs", *args, "--home", str(home)], load=any_toy)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_jobs_on_the_command_line(run: Callable[..., tuple[int, str, str]], client: TestClient) -> None:
    assert run() == (0, "There are no jobs.\n", "")
    id = str(posted(client, pictures=[1, 2])["id"])
    posted(client, pictures=[3], user="bob")
    code, out, _ = run()
    assert code == 0 and "waiting (place 1)" in out and "0 of 2" in out
    assert [job["id"] for job in json.loads(run("--json", "--user", "ann", "--state", "waiting")[1])["jobs"]] == [1]
    code, out, _ = run(id)
    assert code == 0 and "toy for ann" in out and "#2" in out
    assert json.loads(run(id, "--json")[1])["items"][1]["picture"] == 2
    code, _, err = run(id, "--cancel", "--user", "bob")
    assert code == 2 and "belongs to ann" in err
    code, out, _ = run(id, "--cancel", "--user", "ann")
    assert (code, out) == (0, f"Job {id} is cancelled.\n")
    assert json.loads(run(id, "--retry", "--user", "ann", "--json")[1])["retry_of"] == 1
    for wrong, said in (
        (("--cancel",), "Name one job"),
        ((id, "--retry", "--cancel"), "Name one job"),
        (("99",), "no job 99"),
    ):
        code, _, err = run(*wrong)
        assert code == 2 and said in err
    assert run("--state", "asleep")[0] == 2


WORKER = """
import sys
import api.cli.worker
from api.cli import main
from tests.toys import any_toy
api.cli.worker.START = "tests.job_runs:start"
sys.exit(main(["worker", "--json", "--home", sys.argv[1]], load=any_toy))
"""


def test_a_worker_beside_the_server(client: TestClient, home: Path) -> None:
    id = posted(client, pictures=[1], parameters={"seconds": 1})["id"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home)], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert until(client, id, "done")["done"] == 1
            later = posted(client, pictures=[2], parameters={"seconds": 50})["id"]
            while client.get(f"/v1/jobs/{later}").json()["step"] == 0:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0 and json.loads(out)["worker"] == str(home)
    assert "begun again" in err and "Traceback" not in err
    assert client.get(f"/v1/jobs/{later}").json()["state"] == "waiting"
