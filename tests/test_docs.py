"""What the documents say is so: every command in them runs, every setting and file they name exists."""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import api
from api.cli import COMMANDS, main
from indexer.config import Settings
from tests.toys import picture

ROOT = Path(api.__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = ("indexer", "search", "tuner", "api")
SERVER = "http://127.0.0.1:8000"
COLOURS = ("red", "green", "blue", "yellow")
UNTRIED = {".", "python3", "demo"}
"""Makes an environment, or downloads: what would have to be tried by hand. The demo has tests of its own."""

Block = tuple[str, list[list[str]]]


def blocks() -> Iterator[Block]:
    """The `sh` and `console` blocks of each document as (place, command lines in words)."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for found in re.finditer(r"^```(sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            lines = found.group(2).replace("\\\n", " ").splitlines()
            if found.group(1) == "console":
                lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            place = f"{document.name}:{text.count(chr(10), 0, found.start()) + 1}"
            yield place, [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, embedded_models: Path) -> Iterator[Path]:
    """A user's folder: pictures, captions, labels and a Pixloom home with what is in ~/Pictures, indexed."""
    folder = tmp_path_factory.mktemp("user")
    names = []
    for colour, number in itertools.product(COLOURS, range(18)):  # enough to train on
        path = folder / "Pictures/by-name" / colour / f"{colour}-{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(colour, (300 + number, 260)).save(path)
        names.append(path.relative_to(folder / "Pictures").as_posix())
    picture("orange").save(folder / "beach.jpg")
    lines = [{"image": name, "captions": [f"it is {name.split('/')[1]}"]} for name in names]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows = [f"{name},{name.split('/')[1]} thing" for name in names]
    (folder / "catalogue.csv").write_text("\n".join(["image,title", *rows]))
    (folder / "names.csv").write_text("name,parent,de\nred thing,thing,Rotes\n")
    (folder / "pixloom/models").mkdir(parents=True)
    for exported in embedded_models.glob("embedded-*"):  # linked one by one: what is trained here stays here
        (folder / "pixloom/models" / exported.name).symlink_to(exported)
    environment = {"HOME": str(folder), "PIXLOOM_HOME": str(folder / "pixloom"), "PIXLOOM_ENCODER": "embedded"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in environment.items():
            patch.setenv(name, value)
        assert main(["index", str(folder / "Pictures")]) == 0
        yield folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    """The address of a `pixloom serve` over that home."""
    command = [sys.executable, "-m", "api", "serve", "--port", "0", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        try:
            told = b""
            while not told.endswith(b"}\n"):
                line = process.stdout.readline()
                assert line, "the server ended"
                told += line
            yield json.loads(told)["url"]
        finally:
            process.terminate()


@pytest.mark.parametrize(("place", "lines"), [pytest.param(*block, id=block[0]) for block in blocks()])
def test_commands_in_the_documents_run(
    place: str, lines: list[list[str]], home: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["index", str(home / "Pictures")]) == 0, "whatever the block before has forgotten is back"
    for words in lines:
        code = run([os.path.expanduser(word) for word in words], server)  # noqa: PTH111 - words, few of them paths
        assert code == 0, f"{place}: {shlex.join(words)}: {capsys.readouterr().err}"


def run(words: list[str], server: str) -> int:
    """The exit code of a command line, run as far as a test can."""
    program, *args = words
    match Path(program).name or program:
        case "pixloom" if args[0] in ("serve", "worker"):
            return main([*args, "--help"])  # the fixture runs one; neither ends by itself
        case "pixloom" if args[:2] == ["models", "pull"]:
            return main([*args[:2], "--help"])  # fetches from the network
        case "pixloom" if any(arg.startswith("clip:") for arg in args):
            return main(args) - 2  # no hub in tests: a clear refusal, not wrong use (see below)
        case "pixloom" if args[0] not in UNTRIED:
            return main(args)
        case "make":
            return make("-n", *args).returncode
        case "curl":
            return 0 if curl(args, server).is_success else 1
        case "pip":
            wanted = set(re.findall(r"[\w-]+", re.findall(r"\[(.*)\]", args[-1])[0]))
            return 0 if wanted <= set(_project()["optional-dependencies"]) else 1
        case name:
            return 0 if name in UNTRIED or args[0] in UNTRIED else 127


def make(*args: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A make of its own, even if the tests run within one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *args], cwd=folder, env=environment, capture_output=True, text=True)


def curl(args: list[str], server: str) -> httpx.Response:
    """What curl would get: `-F name=value`, `-F name=@file`, `-X METHOD`, and one address."""
    url = next(arg for arg in args if arg.startswith(SERVER)).replace(SERVER, server)
    form = dict(args[place + 1].split("=", 1) for place, arg in enumerate(args) if arg == "-F")
    files = {name: (value[1:], Path(value[1:]).read_bytes()) for name, value in form.items() if value[0] == "@"}
    data = {name: value for name, value in form.items() if value[0] != "@"}
    method = args[args.index("-X") + 1] if "-X" in args else "POST" if form else "GET"
    assert urlsplit(url).path.startswith("/v1/")
    return httpx.request(method, url, data=data or None, files=files or None, timeout=60)


def test_documents_have_commands_and_none_goes_untried() -> None:
    programs = {Path(words[0]).name for _, lines in blocks() for words in lines}
    assert programs >= {"make", "pixloom", "curl", "pip"}
    shown = {words[1] for _, lines in blocks() for words in lines if words[0] == "pixloom"}
    assert set(COMMANDS) - shown == set(), "the README shows every command"


def test_an_encoder_of_the_readme_is_refused_for_want_of_the_hub_only(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = re.findall(r"--encoder (clip:\S+)", README)[0]
    assert main(["index", str(home / "Pictures"), "--encoder", name]) == 2
    assert "hub" in capsys.readouterr().err


def test_commands_named_in_the_text_exist() -> None:
    for document in DOCUMENTS:
        for name in re.findall(r"`pixloom (\w+)", document.read_text(encoding="utf-8")):
            assert name in COMMANDS, f"{document.name} names `pixloom {name}`"


def test_settings_are_named_in_the_readme_with_their_defaults() -> None:
    rows = dict(re.findall(r"^\| `PIXLOOM_(\w+)` \| (.*?) \|", README, re.MULTILINE))
    assert {name.lower() for name in rows} == set(Settings.model_fields)
    for name, default in rows.items():
        field = Settings.model_fields[name.lower()]
        if isinstance(field.default, int | float):
            assert float(default) == field.default, name
    for document in DOCUMENTS:
        for name in re.findall(r"PIXLOOM_([A-Z][A-Z0-9_]*[A-Z0-9])", document.read_text(encoding="utf-8")):
            assert name.lower() in Settings.model_fields or name == "DEBUG", f"{document.name} names PIXLOOM_{name}"


def test_extras_are_named_in_the_readme() -> None:
    table = README[README.index("| extra |") : README.index("## Settings")]
    named = set(re.findall(r"`(\w+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if row[:1] == "|")))
    assert named == set(_project()["optional-dependencies"])


def test_the_architecture_names_every_source_file() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w/.]+)` \| \S", text, re.MULTILINE)
    files = [*(path for name in (*PACKAGES, "bench") for path in (ROOT / name).rglob("*.py"))]
    files += [path for path in (ROOT / "api/static").rglob("*") if path.is_file()]
    assert sorted(named) == sorted(path.relative_to(ROOT).as_posix() for path in files)
    for path in re.findall(r"`((?:\w+/)+\w+\.py)`", text):
        assert (ROOT / path).exists(), path


def test_links_and_pictures_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target.partition("#")[0]).exists(), f"{document.name} links to {target}"
    assert (ROOT / "docs/contact-sheet.webp").stat().st_size < 400_000


def test_the_changelog_is_headed_by_what_is_unreleased() -> None:
    heads = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == "Unreleased"


@pytest.mark.parametrize("target", ["demo", "test", "check", "clean", "help"])
def test_make_targets(target: str) -> None:
    assert make("-n", target).returncode == 0


def test_make_names_what_it_can_do() -> None:
    told = make("--no-print-directory").stdout
    assert {line.split()[1] for line in told.splitlines()} == {"demo", "test", "check", "clean"}


def test_make_refuses_an_old_python_in_a_sentence(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    process = make("demo", f"PYTHON={old}", folder=tmp_path)
    assert process.returncode == 2
    assert "Pixloom needs Python 3.11 or newer" in process.stdout
    assert not (tmp_path / ".venv").exists()


def test_the_ci_script_can_be_read_by_bash() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


def _project() -> dict[str, dict[str, list[str]]]:
    project: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project
