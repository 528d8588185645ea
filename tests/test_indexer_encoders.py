"""Encoders by name, the hub's reachability, and the cache of embedded queries."""

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from indexer.config import Settings
from indexer.encoders import hub, load_encoder, resolve
from indexer.encoders.cache import SLOTS, QueryCache
from indexer.errors import UnreachableError, UsageError
from indexer.models import DEFAULT_CLIP, ENCODERS, find


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, hub_timeout=0.5)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's client may ask a server; none of its models is cached."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "cached", lambda *_: False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def serve(monkeypatch: pytest.MonkeyPatch, status: int) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    return server


@pytest.mark.parametrize("name", ["", "clip", "clip:", "nonsense", "embedded:x", "CLIP:a/b", "embeded"])
def test_unknown_name_lists_the_valid_ones(name: str, settings: Settings) -> None:
    for ask in (resolve, load_encoder):
        with pytest.raises(UsageError, match=r"embedded, clip:ARCH/WEIGHTS .*hf-hub.*FOLDER"):
            ask(name, settings)


def test_names_resolve_to_themselves(settings: Settings) -> None:
    for name in ("embedded", "clip:ViT-B-32/laion2b_s34b_b79k"):
        assert resolve(name, settings) == (name, None)


def test_auto_without_network_is_embedded_with_the_command_that_switches(settings: Settings) -> None:
    name, notice = resolve("auto", settings)
    assert name == "embedded"
    assert notice is not None and f"pixloom index --encoder {DEFAULT_CLIP}" in notice and "\n" not in notice


@pytest.mark.parametrize(
    "status, wanted", [(200, DEFAULT_CLIP), (404, DEFAULT_CLIP), (503, "embedded"), (403, "embedded")]
)
def test_auto_asks_the_configured_hub(
    status: int, wanted: str, settings: Settings, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(monkeypatch, status)
    try:
        assert resolve("auto", settings)[0] == wanted
    finally:
        server.shutdown()
        server.server_close()


def test_cached_weights_need_no_hub(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "cached", lambda *_: True)
    assert resolve("auto", settings) == (DEFAULT_CLIP, None)


def test_silent_server_and_hanging_name_server_are_given_up(
    settings: Settings, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert resolve("auto", settings)[0] == "embedded"
    released = threading.Event()
    monkeypatch.setattr(hub, "_answers", lambda *_: released.wait(60))
    started = time.monotonic()
    assert not hub.reachable(0.2)
    assert time.monotonic() - started < 30  # not the 60 s of the name server
    released.set()


@pytest.mark.parametrize("name", [DEFAULT_CLIP, "clip:hf-hub:somebody/something", "clip:ViT-B-32/openai"])
def test_missing_weights_without_hub(name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "cached", lambda *_: False)
    with pytest.raises(UnreachableError, match=r"can't be reached: .*--encoder embedded"):
        load_encoder(name, settings)


def test_cached_finds_a_file_in_the_hubs_own_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "models--org--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123")
    (repository / "snapshots" / "0123").mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert not hub.cached("org/name")
    (repository / "snapshots" / "0123" / "open_clip_model.safetensors").write_bytes(b"x")
    assert hub.cached("org/name")
    assert not hub.cached("org/name", "pytorch_model.bin")
    assert not hub.cached("org/other")


def test_importing_the_table_of_loaders_is_cheap() -> None:
    code = (
        "import sys, indexer.encoders, indexer.encoders.cache, indexer.models\n"
        "heavy = {'torch', 'open_clip', 'timm', 'openvino', 'transformers', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_model_table() -> None:
    names = [spec.name for spec in ENCODERS]
    assert len(set(names)) == len(names)
    assert find(DEFAULT_CLIP) in ENCODERS
    assert find("clip:no/such") is None
    assert not DEFAULT_CLIP.endswith("openai")


def test_cache_gives_back_what_was_put(tmp_path: Path) -> None:
    cache, vector = QueryCache(tmp_path), np.linspace(-1, 1, 7, dtype=np.float32)
    assert cache.get("f", "a dog") is None
    cache.put("f", "a dog", vector)
    cached = QueryCache(tmp_path).get("f", "a dog")
    assert cached is not None and cached.dtype == np.float32
    np.testing.assert_array_equal(cached, vector)
    cached[0] = 5  # a copy of its own
    assert cache.get("g", "a dog") is None
    assert cache.get("f", "a dog ") is None
    cache.put("f", "\ud800 lone surrogate", vector)
    assert cache.get("f", "\ud800 lone surrogate") is not None


def test_cache_is_bounded_and_collisions_only_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.encoders.cache.SLOTS", 4)
    cache = QueryCache(tmp_path)
    for number in range(50):
        cache.put("f", str(number), np.full(3, number, np.float32))
        assert cache.get("f", str(number))[0] == number  # type: ignore[index]
    kept = [cache.get("f", str(number)) for number in range(50)]
    assert 1 <= sum(vector is not None for vector in kept) <= 4
    assert all(vector is None or vector[0] == number for number, vector in enumerate(kept))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) <= 4
    assert SLOTS == 4096


def test_damaged_or_unwritable_cache_is_a_miss(tmp_path: Path) -> None:
    cache, vector = QueryCache(tmp_path), np.ones(5, np.float32)
    cache.put("f", "text", vector)
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    good = path.read_bytes()
    for damaged in (b"", good[:-1], good[:-4], good[:20], good[:-1] + b"\xff", b"x" * len(good)):
        path.write_bytes(damaged)
        assert cache.get("f", "text") is None
    path.unlink()
    path.mkdir()
    cache.put("f", "text", vector)
    assert cache.get("f", "text") is None
    file = tmp_path / "file"
    file.write_text("not a folder")
    QueryCache(file).put("f", "text", vector)
    assert QueryCache(file).get("f", "text") is None
    assert not [path for path in tmp_path.rglob("tmp*") if path.is_file()]


def test_cache_under_many_writers(tmp_path: Path) -> None:
    cache = QueryCache(tmp_path)

    def write_and_read(number: int) -> bool:
        text = str(number % 3)
        cache.put("f", text, np.full(100, number % 3, np.float32))
        vector = cache.get("f", text)
        return vector is not None and bool((vector == number % 3).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(200)))
