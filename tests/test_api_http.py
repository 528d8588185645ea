"""The HTTP interface, with the toy encoder."""

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from tests.homes import toy_load
from tests.toys import picture

COLOURS = ("red", "blue", "green", "red-2")


@pytest.fixture
def folder(collection: Collection, photos: Callable[..., Path]) -> Path:
    """Four indexed pictures."""
    written = photos(*COLOURS)
    collection.index([written])
    return written


@pytest.fixture
def client(settings: Settings, folder: Path) -> Iterator[TestClient]:
    """A client of an application over them."""
    with TestClient(create_app(settings, toy_load), raise_server_exceptions=False) as opened:
        yield opened


def png(colour: str, size: tuple[int, int] = (90, 90)) -> bytes:
    data = io.BytesIO()
    picture(colour, size).save(data, "PNG")
    return data.getvalue()


def ids(client: TestClient) -> dict[str, int]:
    """File stem -> id."""
    return {Path(one["path"]).stem: one["id"] for one in client.get("/v1/pictures").json()["pictures"]}


def refused(response: Any, status: int) -> str:
    """The detail of a problem document of that status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert set(told) == {"type", "title", "status", "detail"} and told["status"] == status
    assert "Traceback" not in response.text
    detail: str = told["detail"]
    return detail


def test_probes_and_metrics(client: TestClient) -> None:
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    id = ids(client)["red"]
    client.get(f"/v1/pictures/{id}")
    client.get("/nowhere/else")
    shown = client.get("/metrics").text
    assert 'pixloom_http_requests_total{method="GET",route="/v1/pictures/{id}",status="200"} 1.0' in shown
    assert 'route="none",status="404"' in shown and "nowhere" not in shown
    assert "pixloom_pictures 4.0" in shown and "pixloom_index_rows 4.0" in shown
    assert 'pixloom_files{state="indexed"} 4.0' in shown


@pytest.mark.parametrize("query", ["red", "red - green", "2*blue + #1", "#2", "#3[0,0,9,9] + red"])
def test_the_same_question_has_the_same_answer_everywhere(
    client: TestClient, settings: Settings, capsys: pytest.CaptureFixture[str], query: str
) -> None:
    assert main(["search", query, "--all", "--json", "--home", str(settings.home)], load=toy_load) == 0
    by_command = json.loads(capsys.readouterr().out)
    by_get = client.get("/v1/search", params={"q": query, "all": True}).json()
    by_post = client.post("/v1/search", json={"query": query, "all": True}).json()
    for answer in (by_command, by_get, by_post):
        answer.pop("took_ms")
        for result in answer["results"]:
            result.pop("tags")  # they come in the background, maybe between two of the answers
    assert by_command == by_get == by_post
    assert list(by_get) == ["query", "encoder", "notice", "total", "results"]


def test_similar_is_the_same_everywhere(
    client: TestClient, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    id = ids(client)["red"]
    assert main(["similar", str(id), "-k", "2", "--json", "--home", str(settings.home)], load=toy_load) == 0
    by_command = json.loads(capsys.readouterr().out)
    by_http = client.get(f"/v1/pictures/{id}/similar", params={"k": 2}).json()
    assert by_command["results"] == by_http["results"] and len(by_http["results"]) == 2
    assert by_http["results"][0]["id"] == ids(client)["red-2"]
    boxed = client.get(f"/v1/pictures/{id}/similar", params={"box": "0,0,8,8"}).json()
    assert boxed["query"] == f"#{id}[0,0,8,8]"


def test_search_by_terms(client: TestClient) -> None:
    body = {"terms": [{"text": "red"}, {"picture": ids(client)["green"], "weight": -0.5}], "k": 1}
    answer = client.post("/v1/search", json=body).json()
    assert len(answer["results"]) == 1 and "red" in answer["results"][0]["path"]
    assert "has either" in refused(client.post("/v1/search", json={"k": 1}), 400)
    assert "terms" in refused(client.post("/v1/search", json={"terms": [{"tex": "red"}]}), 422)
    refused(client.post("/v1/search", json={"terms": [{"text": "x" * 5000}]}), 422)
    refused(client.post("/v1/search", json={"terms": [{"picture": 10**30}]}), 404)


def test_search_by_a_picture_that_comes_along(client: TestClient) -> None:
    files = {"picture": ("me.png", png("blue"))}
    answer = client.post("/v1/search/picture", files=files, data={"k": "1"}).json()
    assert answer["results"][0]["path"].endswith("blue.png")
    answer = client.post("/v1/search/picture", files=files, data={"q": "+ 9*red - blue", "k": "1"}).json()
    assert "red" in answer["results"][0]["path"]


def test_the_network_reads_no_files(client: TestClient, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png("blue"))
    there = refused(client.get("/v1/search", params={"q": str(secret)}), 404)
    missing = refused(client.get("/v1/search", params={"q": str(tmp_path / "no.png")}), 404)
    assert there.replace("secret", "no") == missing
    known = client.get("/v1/search", params={"q": str(folder / "red.png")})
    assert known.status_code == 200


def test_pictures_in_pages(client: TestClient) -> None:
    first = client.get("/v1/pictures", params={"limit": 3}).json()
    second = client.get("/v1/pictures", params={"limit": 3, "before": first["next"]}).json()
    assert [one["id"] for one in first["pictures"] + second["pictures"]] == [4, 3, 2, 1]
    assert second["next"] is None


def test_one_picture(client: TestClient, folder: Path) -> None:
    id = ids(client)["red"]
    told = client.get(f"/v1/pictures/{id}").json()
    assert (told["width"], told["height"], told["format"], told["path"]) == (64, 48, "PNG", str(folder / "red.png"))
    file = client.get(f"/v1/pictures/{id}/file")
    assert file.content == (folder / "red.png").read_bytes()
    assert file.headers["content-type"] == "image/png" and file.headers["x-content-type-options"] == "nosniff"
    (folder / "red.png").unlink()
    assert "is gone" in refused(client.get(f"/v1/pictures/{id}/file"), 404)


def test_thumbnails_are_kept_by_browsers(client: TestClient, settings: Settings) -> None:
    first = client.get("/v1/pictures/1/thumbnail")
    assert first.headers["content-type"] == "image/webp" and "immutable" in first.headers["cache-control"]
    assert Image.open(io.BytesIO(first.content)).format == "WEBP"
    again = client.get("/v1/pictures/1/thumbnail", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    for path in settings.thumbnails.rglob("*.webp"):
        path.unlink()
    assert "pixloom rebuild" in refused(client.get("/v1/pictures/1/thumbnail"), 404)


def test_upload_find_remove_and_upload_again(client: TestClient, settings: Settings, folder: Path) -> None:
    files = [
        ("picture", ("../a.PNG", png("purple"))),
        ("picture", ("b.jpg", b"no picture")),
        ("picture", ("c.png", (folder / "red.png").read_bytes())),
    ]
    answer = client.post("/v1/pictures", files=files)
    assert answer.status_code == 201
    new, bad, known = answer.json()["pictures"]
    assert (new["name"], new["new"], new["reason"]) == ("a.PNG", True, None)
    assert bad["id"] is None and "JPEG" not in bad["name"] and bad["reason"]
    assert known == {"name": "c.png", "id": ids(client)["red"], "new": False, "reason": None}
    assert client.get("/v1/search", params={"q": "purple", "k": 1}).json()["results"][0]["id"] == new["id"]
    (stored,) = settings.uploads.iterdir()
    assert stored.suffix == ".png" and stored.read_bytes() == png("purple")
    assert client.post("/v1/pictures", files=files[:1]).status_code == 200
    assert client.delete(f"/v1/pictures/{new['id']}").status_code == 204
    assert not list(settings.uploads.iterdir())
    refused(client.get(f"/v1/pictures/{new['id']}"), 404)
    status = client.get("/v1/status").json()
    assert (status["pictures"], status["files"], status["pending"], status["failed"]) == (4, 4, 0, [])
    again = client.post("/v1/pictures", files=files[:1])
    assert again.status_code == 201 and again.json()["pictures"][0]["id"] == new["id"]


def test_the_users_own_files_are_never_touched(client: TestClient, folder: Path) -> None:
    id = ids(client)["red"]
    assert client.delete(f"/v1/pictures/{id}").status_code == 204
    assert (folder / "red.png").exists() and "red" not in ids(client)
    refused(client.delete(f"/v1/pictures/{id}"), 404)
    back = client.post("/v1/pictures", files={"picture": ("x.png", (folder / "red.png").read_bytes())})
    assert back.json()["pictures"][0]["id"] == id and ids(client)["red"] == id


def test_uploads_and_searches_at_once(client: TestClient) -> None:
    def upload(number: int) -> int:
        files = {"picture": ("a.png", png("pink", (20 + number, 20)))}
        return client.post("/v1/pictures", files=files).status_code

    def search(number: int) -> int:
        return client.get("/v1/search", params={"q": f"pink {number}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        uploads, searches = list(pool.map(upload, range(12))), list(pool.map(search, range(40)))
    assert set(uploads) == {201} and set(searches) == {200}
    assert client.get("/v1/status").json()["pictures"] == 16


def test_status_and_models(client: TestClient, collection: Collection) -> None:
    assert client.get("/v1/status").json() == collection.status()
    models = client.get("/v1/models").json()["models"]
    assert "embedded" in [model["name"] for model in models]


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/nope", 404),
        ("DELETE", "/v1/pictures", 405),
        ("GET", "/v1/pictures/99", 404),
        ("GET", "/v1/pictures/x", 422),
        ("GET", "/v1/pictures/99999999999999999999", 422),
        ("GET", "/v1/pictures?limit=0", 422),
        ("GET", "/v1/pictures/1/similar?box=1,2,3", 400),
        ("GET", "/v1/pictures/1/similar?box=9999,0,5,5", 400),
        ("GET", "/v1/search?q=red&k=many", 422),
        ("GET", "/v1/search?q=%2399999999999999999999", 404),
        ("GET", "/v1/search?q=cat%20camera:x", 400),
        ("POST", "/v1/search/picture", 422),
    ],
)
def test_refusals_are_problem_documents(client: TestClient, method: str, path: str, status: int) -> None:
    refused(client.request(method, path), status)


def test_queries_and_bodies_have_limits(settings: Settings, folder: Path) -> None:
    small = settings.model_copy(update={"max_bytes": 1000})
    with TestClient(create_app(small, toy_load)) as client:
        refused(client.get("/v1/search", params={"q": "x" * 4097}), 422)
        large = {"picture": ("a.png", bytes(100_000))}
        assert "PIXLOOM_MAX_BYTES" in refused(client.post("/v1/pictures", files=large), 413)
        json_type = {"Content-Type": "application/json"}
        refused(client.post("/v1/search", content=bytes(2_000_000), headers=json_type), 413)
        chunks = (bytes(100_000) for _ in range(30))
        refused(client.post("/v1/search", content=chunks, headers=json_type), 413)
        refused(client.post("/v1/search", content=b"{", headers=json_type), 422)


def test_unforeseen_errors_show_no_trace(settings: Settings, folder: Path) -> None:
    def burst(*_: object) -> Any:
        raise RuntimeError("burst")

    with TestClient(create_app(settings, burst), raise_server_exceptions=False) as client:
        assert refused(client.get("/v1/search", params={"q": "red"}), 500).endswith("RuntimeError.")


def test_other_hosts_and_other_sites_are_refused(settings: Settings, folder: Path) -> None:
    app = create_app(settings, toy_load, hosts=("localhost", "127.0.0.1", "::1"))
    with TestClient(app, base_url="http://localhost:8000") as client:
        assert client.get("/v1/status").status_code == 200
        assert client.get("/v1/status", headers={"Host": "[::1]:8000"}).status_code == 200
        assert "evil" in refused(client.get("/v1/status", headers={"Host": "evil.example"}), 421)
        refused(client.get("/v1/status", headers={"Host": "127.0.0.1.evil.example:8000"}), 421)
        files = {"picture": ("a.png", png("pink"))}
        refused(client.post("/v1/pictures", files=files, headers={"Origin": "http://evil.example"}), 403)
        own = {"Origin": "http://localhost:8000"}
        assert client.post("/v1/pictures", files=files, headers=own).status_code == 201


def test_the_page_and_its_parts(client: TestClient) -> None:
    page = client.get("/")
    assert (
        page.headers["content-type"].startswith("text/html")
        and "default-src 'self'" in page.headers["content-security-policy"]
    )
    for part in ("page.js", "page.css"):
        assert f"static/{part}" in page.text and client.get(f"/static/{part}").status_code == 200
    assert "innerHTML" not in client.get("/static/page.js").text


def test_openapi_describes_every_path(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert {"/v1/search", "/v1/search/picture", "/v1/pictures/{id}/thumbnail", "/v1/status"} <= set(described["paths"])
    for path in described["paths"].values():
        for operation in path.values():
            assert operation["description"] and "application/problem+json" in operation["responses"]["4XX"]["content"]
