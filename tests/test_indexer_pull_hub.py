"""Fetching models from the hub, by its own client, from a small hub on this machine."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars

from indexer.config import Settings
from indexer.encoders import hub
from indexer.errors import PullError, UnreachableError
from indexer.models import shelf
from indexer.models.shelf import here
from indexer.models.spec import ModelSpec
from indexer.pull import pull
from tests.sources import COMMIT, Hub, Source, served

WEIGHTS = bytes(range(256)) * 400
FILES = {
    "org/clip/open_clip_model.safetensors": WEIGHTS,
    "org/clip/open_clip_pytorch_model.bin": b"the same, larger to fetch",
    "org/clip/open_clip_config.json": b"{}",
    "org/clip/tokenizer.json": b'{"a": 1}',
    "org/clip/README.md": b"not needed",
    "org/words/config.json": b'{"b": 2}',
    "org/words/model.safetensors": b"not needed",
    "org/pipe/model_index.json": b"{}",
    "org/pipe/unet/config.json": b"{}",
    "org/pipe/unet/weights.fp16.safetensors": WEIGHTS[:1000],
    "org/pipe/unet/weights.safetensors": WEIGHTS,
}
CLIP = ModelSpec("clip:toy/org", "encoder", "MIT", 102_400, "fast", "org/clip", "", beside=("org/words",), dimension=4)
PIPE = ModelSpec("pipe", "generate", "MIT", 1000, "fast", "org/pipe", "", files=("*.json", "*.fp16.safetensors"))
ONE = ModelSpec("one", "colorize", "MIT", 1000, "fast", "org/pipe", "", files=("unet/weights.fp16.safetensors",))


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Source]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(shelf, "trained", lambda _: (CLIP, PIPE, ONE))
    with served(Source(dict(FILES)), Hub) as running:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = f"{running.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", hub_timeout=20)


def fetched(source: Source) -> list[str]:
    return [path.rsplit("/main/", 1)[-1] for path, _ in source.asked if "/resolve/" in path]


def test_an_encoder_comes_with_what_open_clip_reads_beside_it(source: Source, settings: Settings) -> None:
    enable_progress_bars()  # whatever other tests did
    told: list[str] = []
    pulled = pull(CLIP.name, settings, lambda progress: told.append(progress.stage))
    assert pulled.new and here(CLIP, settings) == "yes" and hub.cached("org/clip")
    assert pulled.path == hub.folder("org/clip") / "snapshots" / COMMIT
    assert (pulled.path / "open_clip_model.safetensors").read_bytes() == WEIGHTS
    names = {path.rsplit("/", 1)[-1] for path in shelf.recorded(CLIP, settings)}
    assert names == {"open_clip_model.safetensors", "open_clip_config.json", "tokenizer.json", "config.json"}
    assert "check" in told
    before = fetched(source)
    assert not pull(CLIP.name, settings).new and fetched(source) == before
    assert not are_progress_bars_disabled()


def test_a_pipeline_comes_by_its_patterns(source: Source, settings: Settings) -> None:
    pulled = pull("pipe", settings)
    assert pulled.path == hub.folder("org/pipe") / "snapshots" / COMMIT and here(PIPE, settings) == "yes"
    files = {path.relative_to(pulled.path).as_posix() for path in pulled.path.rglob("*") if path.is_file()}
    assert files == {"model_index.json", "unet/config.json", "unet/weights.fp16.safetensors"}
    one = pull("one", settings).path
    assert one is not None and one.read_bytes() == WEIGHTS[:1000]
    assert json.loads((shelf.shelf(ONE, settings) / shelf.RECORD).read_text())["sha256"] is not None


def test_what_the_hub_sends_is_checked_against_what_it_says(source: Source, settings: Settings) -> None:
    source.files["bad:org/pipe/unet/weights.fp16.safetensors"] = bytes(reversed(WEIGHTS[:1000]))
    with pytest.raises(PullError, match=r"weights.fp16.safetensors of one was deleted, .* its sha256 is \w{64}, not"):
        pull("one", settings)
    assert here(ONE, settings) != "yes"
    del source.files["bad:org/pipe/unet/weights.fp16.safetensors"]
    assert pull("one", settings).new and here(ONE, settings) == "yes"


def test_a_damaged_file_of_the_cache_is_got_again(source: Source, settings: Settings) -> None:
    path = pull("one", settings).path
    assert path is not None
    path.resolve().write_bytes(b"short")
    assert here(ONE, settings) == "damaged"
    assert pull("one", settings).path == path and path.read_bytes() == WEIGHTS[:1000]
    path.resolve().write_bytes(bytes(1000))
    assert here(ONE, settings) == "yes", "told by size"
    assert pull("one", settings).path == path and path.read_bytes() == WEIGHTS[:1000]


def test_repositories_without_what_is_needed(
    source: Source, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(CLIP, name="gone", source="org/gone")
    bare = replace(CLIP, name="bare", source="org/words")
    monkeypatch.setattr(shelf, "trained", lambda _: (gone, bare))
    with pytest.raises(PullError, match=r"The model hub has no org/gone that everyone may have"):
        pull("gone", settings)
    with pytest.raises(PullError, match=r"org/words on the model hub has no weights of bare"):
        pull("bare", settings)


def test_a_cut_connection_is_gone_on_with(source: Source, settings: Settings) -> None:
    source.cut = 40_000
    pull(CLIP.name, settings)
    ranges = [wanted for path, wanted in source.asked if path.endswith("open_clip_model.safetensors")]
    assert ranges == [None, "bytes=40000-", "bytes=80000-"] and here(CLIP, settings) == "yes"


def test_a_stopped_pull_is_gone_on_with(source: Source, settings: Settings) -> None:
    source.cut = 0
    with pytest.raises(PullError, match=r"weights.fp16.safetensors of one came to 0 B of 1.0 kB, then no further"):
        pull("one", settings)
    sha256 = hashlib.sha256(WEIGHTS[:1000]).hexdigest()
    blobs = hub.folder("org/pipe") / "blobs"
    (blobs / f"{sha256}.pixloom.incomplete").write_bytes(WEIGHTS[:300])
    assert here(ONE, settings) == "partly"
    source.cut = None
    path = pull("one", settings).path
    assert path is not None and path.read_bytes() == WEIGHTS[:1000] and here(ONE, settings) == "yes"
    assert source.asked[-1][1] == "bytes=300-" and [blob.name for blob in blobs.iterdir()] == [sha256]
    path.unlink()  # as if it had been stopped before the client saw the blob
    asked = len(fetched(source))
    assert pull("one", settings).path == path and path.read_bytes() == WEIGHTS[:1000]
    assert len(fetched(source)) == asked


def test_what_needs_a_token_is_left_to_the_client(source: Source, settings: Settings) -> None:
    source.files["gated:org/pipe"] = b""
    with pytest.raises(PullError, match=r"org/pipe asks for its licence to be accepted: do so on its page"):
        pull("one", settings)


def test_offline_is_a_quick_refusal(source: Source, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pull("one", settings)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreachableError, match=r"clip:toy/org isn't \(all\) here and the model hub can't be reached"):
        pull(CLIP.name, settings)
    assert not pull("one", settings).new, "what is here needs no hub"
