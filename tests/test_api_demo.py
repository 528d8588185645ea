"""`pixloom demo`: real pictures gathered, indexed, asked about; with stand-ins for Debian's tools."""

import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.cli import main
from api.cli.demo import _program
from api.demo import debian
from api.demo.gather import gather
from api.demo.html_sheet import html_sheet
from api.demo.once import once
from api.demo.png_sheet import png_sheet
from api.demo.questions import of_folder
from api.demo.sheet import make_sheet
from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import HomeError
from search.engine import Engine
from tests.homes import toy_load
from tests.toys import picture

Run = Callable[..., tuple[int, str, str]]

STAMPS = "./usr/share/tuxpaint/stamps/"
CAPTION = "A <b>red</b> fish.\nde.utf8=Ein roter Fisch.\nfr.utf8=Un poisson rouge.\n"


def archive(files: dict[str, bytes]) -> bytes:
    """What `dpkg-deb --fsys-tarfile` would give."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def png(colour: str) -> bytes:
    file = io.BytesIO()
    picture(colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of nothing but an apt-get that copies `packages/NAME` and counts its calls, and a dpkg-deb
    for packages that are bare tar archives."""
    folder = tmp_path / "bin"
    packages = folder / "packages"
    packages.mkdir(parents=True)
    files = {
        f"{STAMPS}animals/fish.png": png("red"),
        f"{STAMPS}animals/fish.txt": CAPTION.encode(),
        f"{STAMPS}animals/fish.ogg": b"blub",
        f"{STAMPS}../../../../escape.png": png("blue"),
        "./usr/share/doc/tuxpaint-stamps-default/copyright": b"GPL-2",
        "./usr/share/doc/tuxpaint-stamps-default/readme.txt": b"words",
    }
    (packages / "tuxpaint-stamps-default").write_bytes(archive(files))
    (packages / "lomiri-wallpapers-20.04").write_bytes(archive({"./usr/share/backgrounds/sea.jpg": png("blue")}))
    _script(
        folder / "apt-get",
        f'for name; do :; done; echo "$name" >> {folder}/calls; '
        f'cat < {packages}/"$name" > "$name.deb" 2>/dev/null || '
        '{ rm -f "$name.deb"; echo "E: Unable to locate package $name" >&2; exit 100; }',
    )
    _script(folder / "dpkg-deb", '[ "$1" = --fsys-tarfile ] && cat "$2"')
    for name in ("cat", "rm"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*args: object) -> tuple[int, str, str]:
        code = main(["demo", *map(str, args), "--home", str(settings.home)], load=toy_load)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def found(run: Run, *args: object) -> dict[str, Any]:
    code, out, _ = run(*args, "--json")
    assert code == 0
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_gathers_the_real_pictures_of_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    said: list[str] = []
    gather(tmp_path / "demo", said.append)
    names = {path.name for path in (tmp_path / "demo").rglob("*.*") if path.suffix != ".txt"}
    assert {"astronaut.png", "chelsea.png", "coffee.png", "flower.jpg", "china.jpg"} <= names
    assert not {"phantom.png", "chessboard_RGB.png", "horse.png", "multipage_rgb.tif"} & names
    assert said == ["Left out: Debian's packages of photographs, which need apt-get and dpkg-deb."]


def test_unpacks_pictures_captions_and_copyright_of_debian_packages(tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    debian.gather(folder, str)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    stamps = "tuxpaint-stamps-default"
    assert files == {
        *(f"{stamps}/animals/fish.png", f"{stamps}/animals/fish.txt", f"{stamps}/copyright"),
        "lomiri-wallpapers-20.04/sea.jpg",
    }
    debian.gather(folder, str)
    assert (tools / "calls").read_text().split() == [stamps, "lomiri-wallpapers-20.04"], "fetched once"


def test_goes_on_where_a_package_cannot_be_fetched(tools: Path, tmp_path: Path) -> None:
    (tools / "packages/tuxpaint-stamps-default").unlink()
    said: list[str] = []
    debian.gather(tmp_path, said.append)
    assert "Left out: tuxpaint-stamps-default, which can't be fetched: Unable to locate package" in said[1]
    assert (tmp_path / "lomiri-wallpapers-20.04/sea.jpg").exists()
    assert not (tmp_path / "tuxpaint-stamps-default").exists()


def test_a_package_that_is_cut_short_leaves_nothing(tools: Path, tmp_path: Path) -> None:
    package = tools / "packages/tuxpaint-stamps-default"
    package.write_bytes(package.read_bytes()[:600])
    said: list[str] = []
    debian.gather(tmp_path, said.append)
    assert "it could not be unpacked" in said[1]
    assert not [path for path in tmp_path.iterdir() if "tuxpaint" in path.name]


def test_gives_up_on_a_package_that_takes_too_long(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _script(tools / "apt-get", "exec /bin/sleep 60")
    monkeypatch.setattr(debian, "_SECONDS", 0.2)
    said: list[str] = []
    debian.gather(tmp_path, said.append)
    assert "it took more than 0 s" in said[1]


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def cut_short(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(tmp_path / "a", cut_short)
    assert not list(tmp_path.iterdir())
    (tmp_path / ".a").mkdir()
    (tmp_path / ".a/left by a kill").touch()
    once(tmp_path / "a", lambda folder: (folder / "whole").touch())
    once(tmp_path / "a", cut_short)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "whole"]


def test_a_home_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match="can't be written"):
        gather(tmp_path / "file/demo", str)


def test_answers_questions_about_gathered_pictures(tools: Path, run: Run, settings: Settings) -> None:
    answer = found(run)
    assert answer["encoder"] == "toy"
    assert answer["pictures"] == answer["indexed"]["added"] > 20
    assert [row["query"] for row in answer["answers"]][:3] == ["a cat", "a cup of coffee", "an astronaut"]
    kinds = {row["kind"] for row in answer["answers"]}
    assert kinds >= {"words", "words minus words", "a picture", "part of a picture"}
    for row in answer["answers"]:
        assert len(row["results"]) == len(row["captions"]) <= 6
        for result in row["results"]:
            assert result["verdict"] in ("strong", "weak", "no match")
    html, sheet = Path(answer["html"]), Path(answer["png"])
    assert html.is_relative_to(settings.home) and sheet.is_relative_to(settings.home)
    with Image.open(sheet) as image:
        assert image.size[1] > 250 * len(answer["answers"])


def test_a_second_run_does_no_harm_and_reads_nothing(tools: Path, run: Run) -> None:
    first, second = found(run), found(run)
    assert second["indexed"]["embedded"] == second["indexed"]["added"] == 0
    for before, after in zip(first["answers"], second["answers"], strict=True):
        assert before["results"] == after["results"]


def test_captions_of_the_stamps_are_in_the_catalogue(tools: Path, run: Run, collection: Collection) -> None:
    assert run()[0] == 0
    fish = collection.settings.home / "demo/tuxpaint-stamps-default/animals/fish.png"
    id = collection.catalog.find(path=fish)
    assert id is not None
    captions = {caption.language: caption.text for caption in collection.catalog.picture(id).captions}
    assert captions == {"en": "A <b>red</b> fish.", "de": "Ein roter Fisch.", "fr": "Un poisson rouge."}


def test_prints_tables_and_how_to_go_on(tools: Path, run: Run, settings: Settings) -> None:
    code, out, err = run()
    assert code == 0
    assert "a cat    (words" in out and "scikit-image/chelsea.png" in out
    assert "contact-sheet.html" in out and "contact-sheet.png" in out
    for command in ("serve", "index ~/Pictures", "demo --remove"):
        assert f"pixloom {command} --home {settings.home}" in out
    assert "Fetching Debian's tuxpaint-stamps-default" in err


def test_removes_what_it_gathered_and_nothing_else(
    tools: Path, run: Run, settings: Settings, photos: Callable[..., Path]
) -> None:
    folder = photos("red", "green")
    assert run(folder)[0] == 0
    before = found(run)["pictures"]
    assert found(run, "--remove")["removed"] == before - 2
    assert not (settings.home / "demo").exists()
    with Collection(settings, toy_load) as collection:
        assert collection.status()["pictures"] == 2
        assert collection.catalog.roots() == [folder]
    assert run("--remove")[1] == "There is no demo to remove.\n"
    assert run(folder, "--remove")[0] == 2


def test_a_folder_of_the_users_own_is_only_read(run: Run, photos: Callable[..., Path], tools: Path) -> None:
    assert run()[0] == 0, "pictures of the demo are in the collection too"
    folder = photos("red", "blue", "sub/green")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.png")}
    answer = found(run, folder)
    assert {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()
    } == before
    assert len(answer["answers"]) >= 5
    shown = {result["path"] for row in answer["answers"] for result in row["results"]}
    assert shown and all(Path(path).is_relative_to(folder) for path in shown)


def test_one_picture_is_enough(run: Run, photos: Callable[..., Path]) -> None:
    answer = found(run, photos("red") / "red.png")
    assert answer["pictures"] == 1 and answer["answers"]


def test_unreadable_files_are_listed(run: Run, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue")
    (folder / "broken.jpg").write_bytes(b"no picture")
    code, out, _ = run(folder)
    assert code == 1
    assert "broken.jpg: " in out


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_pictures_is_refused(run: Run, tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "empty"
    if make:
        folder.mkdir()
    code, _, err = run(folder)
    assert code == 2
    assert str(folder) in err and len(err.strip().splitlines()) <= 3


def test_the_encoder_is_passed_on(settings: Settings, photos: Callable[..., Path], capsys: Any) -> None:
    args = ["demo", str(photos("red")), "--home", str(settings.home), "--encoder", "nonsense"]
    assert main(args) == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_page_escapes_what_comes_from_files(collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue")
    (folder / "red.png").rename(folder / "<i>red&.png")
    (folder / "<i>red&.txt").write_text("<script>alert(1)</script>\n")
    sheet = _sheet(collection, folder)
    page = html_sheet(sheet)
    assert "<script>" not in page and "<i>red" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "&lt;i&gt;red&amp;.png" in page
    assert not re.search(r'(src|href)="(?!data:)', page), "the page needs nothing beside it"
    assert page.count("<section>") == len(sheet.rows)


def test_sheets_do_without_a_thumbnail(collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue")
    (folder / "red.txt").write_text("long " * 100 + "w" * 300)
    collection.index([folder])
    for thumbnail in collection.settings.thumbnails.rglob("*.webp"):
        thumbnail.unlink()
    sheet = _sheet(collection, folder)
    assert 'class="missing"' in html_sheet(sheet)
    assert png_sheet(sheet, pictures=2).width < png_sheet(sheet).width


def test_says_how_it_can_be_called_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv/bin/pixloom"
    program.parent.mkdir(parents=True)
    _script(program, "true")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(program)])
    assert _program() == ".venv/bin/pixloom"
    monkeypatch.setattr("sys.argv", [".venv/bin/pixloom"])
    assert _program() == ".venv/bin/pixloom"
    monkeypatch.setattr("sys.argv", [str(program)])
    monkeypatch.setenv("PATH", str(program.parent))
    assert _program() == "pixloom"


def _sheet(collection: Collection, folder: Path) -> Any:
    collection.index([folder])
    engine = Engine(collection)
    return make_sheet(collection, engine, folder, of_folder(engine, folder))


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
