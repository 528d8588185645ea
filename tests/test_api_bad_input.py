"""Whatever is wrong gets one clear sentence and the right exit code or status, and nothing is lost."""

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from filelock import FileLock

from api import uploads
from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.errors import NewerCatalogError
from tests.homes import toy_load
from tests.toys import ToyEncoder, picture

CLIP = "clip:ViT-B-32/laion2b_s34b_b79k"

FULL_DISK = """
import io, json, resource, signal, sys
from api.app import create_app
from api.cli import main
from fastapi.testclient import TestClient
from indexer.config import Settings
from tests.homes import toy_load
from tests.toys import picture

home, folder, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
code = main(["index", folder, "--home", home], load=toy_load)
data = io.BytesIO()
picture("pink", (int(sys.argv[4]), 900)).save(data, "BMP")
with TestClient(create_app(Settings(home=home), toy_load)) as client:
    answer = client.post("/v1/pictures", files={"picture": ("a.bmp", data.getvalue())})
print(json.dumps([code, answer.status_code, answer.json()]))
"""


class Fails:
    """Runs what must be refused over one home, and looks at the status before and after."""

    def __init__(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings, self.capsys = settings, capsys

    def status(self) -> Any:
        with Collection(self.settings, toy_load) as collection:
            return collection.status()

    def command(self, *args: object, load: Any = toy_load, code: int = 2) -> str:
        """The one sentence of a command that fails; the collection is as before."""
        before = self.status()
        assert main([*map(str, args), "--home", str(self.settings.home)], load=load) == code
        said = self.capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        lines = [line for line in said.err.splitlines() if line.startswith("pixloom: ")]
        assert len(lines) == 1 and said.out == ""
        assert self.status() == before
        return lines[0]

    def http(self, method: str, path: str, status: int, load: Any = toy_load, **body: Any) -> str:
        """The detail of a request that fails; the collection is as before."""
        before = self.status()
        with TestClient(create_app(self.settings, load), raise_server_exceptions=False) as client:
            answer = client.request(method, path, **body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json" and "Traceback" not in answer.text
        assert self.status() == before
        detail: str = answer.json()["detail"]
        return detail


@pytest.fixture
def folder(collection: Collection, photos: Callable[..., Path]) -> Path:
    """Two indexed pictures."""
    written = photos("red", "blue")
    collection.index([written])
    return written


@pytest.fixture
def fails(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> Fails:
    return Fails(settings, capsys)


@pytest.fixture
def no_picture(tmp_path: Path) -> Path:
    path = tmp_path / "odd.jpg"
    path.write_bytes(b"this is not a picture")
    return path


def test_a_missing_folder(fails: Fails, tmp_path: Path, folder: Path) -> None:
    said = fails.command("index", folder, tmp_path / "nowhere")
    assert "There is no file or folder" in said and "nowhere" in said
    fails.command("evaluate", "labels", tmp_path / "nowhere")
    fails.command("evaluate", "captions", tmp_path / "nowhere.jsonl")


def test_unreadable_files(folder: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "empty.jpg").touch()
    (folder / "link.jpg").symlink_to("nowhere.jpg")
    (folder / "folder.jpg").mkdir()
    picture("green").save(folder / "green.png")
    assert main(["index", str(folder), "--json", "--home", str(settings.home)], load=toy_load) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    main(["status", "--json", "--home", str(settings.home)])
    status = json.loads(capsys.readouterr().out)
    assert {Path(one["path"]).name for one in status["failed"]} == {"broken.png", "empty.jpg", "link.jpg"}
    assert all(one["reason"] for one in status["failed"])
    assert status["files"] == 3


@pytest.mark.parametrize("query", ["", "   ", "- people", '"" ', "red +", '"red'])
def test_queries_that_say_nothing(fails: Fails, query: str) -> None:
    fails.command("search", query)
    fails.http("GET", "/v1/search", 400, params={"q": query})
    fails.http("POST", "/v1/search", 400, json={"query": query})


@pytest.mark.parametrize("k", [0, -1, 10**9, 10**30])
def test_k_out_of_range(fails: Fails, k: int) -> None:
    assert f"k is {k}" in fails.command("search", "red", "-k", k)
    assert f"k is {k}" in fails.command("similar", 1, "-k", k)
    assert f"k is {k}" in fails.http("GET", "/v1/search", 400, params={"q": "red", "k": k})
    assert f"k is {k}" in fails.http("GET", "/v1/pictures/1/similar", 400, params={"k": k})


def test_a_picture_that_is_none(fails: Fails, no_picture: Path, tmp_path: Path) -> None:
    assert "odd.jpg can't be used as a query" in fails.command("similar", no_picture)
    assert "odd.jpg can't be used as a query" in fails.command("search", "red", "+", no_picture)
    assert "no.jpg" in fails.command("similar", tmp_path / "no.jpg")
    assert "not a file" in fails.command("similar", tmp_path)
    fails.command("similar", 99)
    fails.command("similar", "9" * 30)
    fails.command("similar", 1, "--box", "1,2,3")
    fails.command("similar", 1, "--box", "999,0,5,5")
    sent = {"picture": ("odd.jpg", no_picture.read_bytes())}
    fails.http("POST", "/v1/search/picture", 422, files=sent)
    assert "odd.jpg: " in fails.http("POST", "/v1/pictures", 422, files=sent)
    fails.http("GET", "/v1/pictures/99", 404)
    fails.http("GET", "/v1/search", 404, params={"q": "#99"})


def test_a_home_that_another_process_writes(
    fails: Fails, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "WAIT", 0.1)
    data = io.BytesIO()
    picture("pink").save(data, "PNG")
    with FileLock(settings.home / "write.lock"):
        assert "Another process" in fails.command("index", folder)
        assert "Another process" in fails.command("rebuild")
        sent = {"picture": ("a.png", data.getvalue())}
        assert "Another process" in fails.http("POST", "/v1/pictures", 409, files=sent)
        assert not list(settings.uploads.iterdir())
        assert main(["search", "red", "--home", str(settings.home)], load=toy_load) == 0
    assert main(["index", str(folder), "--home", str(settings.home)], load=toy_load) == 0


def test_a_home_that_is_a_file(no_picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--home", str(no_picture)]) == 2
    said = capsys.readouterr()
    assert str(no_picture) in said.err and "Traceback" not in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize("room, width", [(0, 300), (20_000, 300), (60_000, 900)])
def test_a_full_disk(
    fails: Fails, settings: Settings, folder: Path, photos: Callable[..., Path], room: int, width: int
) -> None:
    before = fails.status()
    photos(*(f"green-{number}" for number in range(200)))
    largest = max(path.stat().st_size for path in settings.home.rglob("*") if path.is_file())
    command = [sys.executable, "-c", FULL_DISK, str(settings.home), str(folder), str(largest + room), str(width)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, process.stderr
    code, status, told = json.loads(process.stdout.splitlines()[-1])
    assert (code, status) == (2, 507)
    assert "No space is left" in told["detail"] and "No space is left" in process.stderr
    assert "Traceback" not in process.stderr
    after = fails.status()
    assert after["pictures"] >= before["pictures"] and after["failed"] == []
    assert main(["index", "--home", str(settings.home)], load=toy_load) == 0
    assert fails.status()["files"] == 202
    assert main(["check", "--home", str(settings.home)], load=toy_load) == 0


def test_a_catalogue_of_a_newer_version(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def mark(version: str) -> str:
        connection = sqlite3.connect(settings.home / "catalog.db")
        (before,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
        connection.close()
        return str(before)

    current = mark("9999")
    for args in (["status"], ["search", "red"], ["index", str(folder)], ["serve", "--port", "0"]):
        assert main([*args, "--home", str(settings.home)], load=toy_load) == 2
        said = capsys.readouterr().err
        assert "newer version of Pixloom" in said and "Traceback" not in said and said.count("\n") == 1
    with pytest.raises(NewerCatalogError), TestClient(create_app(settings, toy_load)):
        pass
    mark(current)
    assert main(["status", "--json", "--home", str(settings.home)], load=toy_load) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 2


@pytest.mark.parametrize("name", ["nope", "clip", "clip:", "embedded:x", "clip:ViT-B-32/nope"])
def test_an_encoder_that_does_not_exist(fails: Fails, folder: Path, name: str) -> None:
    said = fails.command("index", folder, "--encoder", name, load=load_encoder)
    assert name.removeprefix("clip:") in said


def test_a_hub_that_cannot_be_reached(fails: Fails, settings: Settings, folder: Path) -> None:
    assert "reach" in fails.command("index", folder, "--encoder", CLIP, load=load_encoder)


@pytest.fixture
def clip_index(settings: Settings, photos: Callable[..., Path]) -> Path:
    """An index that says CLIP made it."""

    class Named(ToyEncoder):
        name = CLIP

    with Collection(settings, lambda *_: Named()) as collection:
        collection.index([photos("red")], encoder=CLIP)
    return settings.home


def test_a_query_whose_encoder_cannot_be_had(
    clip_index: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = Fails(settings, capsys)
    assert "reach" in fails.command("search", "red", load=load_encoder)
    assert "reach" in fails.http("GET", "/v1/search", 503, load=load_encoder, params={"q": "red"})
    assert main(["similar", "1", "--home", str(clip_index)], load=load_encoder) == 0, "needs no encoder"


@pytest.mark.parametrize("args", [["--workers", "0"], ["--workers", "many"], ["--workers", "100000"]])
def test_settings_out_of_range(fails: Fails, folder: Path, args: list[str]) -> None:
    assert "workers" in fails.command("index", folder, *args)


def test_variables_out_of_range(fails: Fails, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXLOOM_MAX_PIXELS", "lots")
    assert main(["status", "--home", str(fails.settings.home)]) == 2
    said = fails.capsys.readouterr().err
    assert "PIXLOOM_MAX_PIXELS is 'lots'" in said and said.count("\n") == 1
