"""`pixloom demo`."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import STOPPED
from api.cli.home import opened
from api.cli.index import as_dict
from api.cli.options import EncoderName, Home, Json
from api.cli.output import duration, note, print_json, say, table
from api.cli.progress import shown
from api.demo.gather import gather
from api.demo.html_sheet import html_sheet
from api.demo.png_sheet import png_sheet
from api.demo.questions import of_demo, of_folder
from api.demo.sheet import Row, Sheet, make_sheet
from indexer.collection import Collection
from indexer.config import Settings
from indexer.database import disk_error
from indexer.errors import UsageError
from indexer.scan import expand
from indexer.types import Report
from search.engine import Engine

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A folder of your own; without it, real pictures are gathered."),
    ] = None,
    encoder: EncoderName = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the gathered pictures out again.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Gather real pictures, index them, ask some questions, and keep the answers as a contact sheet.

    A second run takes seconds. Exit code 1 means that some files couldn't be read: they are listed.
    """
    if remove and folder:
        raise UsageError("--remove takes out the pictures that the demo gathered: it goes without a folder.")
    with opened(context, home) as collection:
        gathered = collection.settings.home / "demo"
        if remove:
            return _remove(collection, gathered, as_json=json)
        if folder is None:
            gather(gathered, note)
        where = next(expand([folder or gathered]))
        with shown() as on_progress:
            report = collection.index([where], encoder=encoder, on_progress=on_progress)
        if report.interrupted:
            return _stopped(report, as_json=json)
        sheet = _ask(collection, where, own=folder is None)
        files = _keep(sheet, collection.settings.home / "demo-sheet")
        _show(_Shown(where, report, sheet, files, _next_steps(collection.settings, gathered)), as_json=json)
    return 1 if report.failed else 0


@dataclass(frozen=True, slots=True)
class _Shown:
    """All that a run has to show."""

    folder: Path
    report: Report
    sheet: Sheet
    files: tuple[Path, Path]
    next: dict[str, str]
    """What could be done now -> the command."""


def _ask(collection: Collection, folder: Path, *, own: bool) -> Sheet:
    engine = Engine(collection)
    lines = of_demo(collection, folder) if own else of_folder(engine, folder)
    if not lines:
        raise UsageError(f"There is no picture to be found in {folder}: name another folder.")
    return make_sheet(collection, engine, folder, lines)


def _keep(sheet: Sheet, folder: Path) -> tuple[Path, Path]:
    """Write both forms of the contact sheet."""
    page, picture = folder / "contact-sheet.html", folder / "contact-sheet.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(html_sheet(sheet), encoding="utf-8")
        png_sheet(sheet).save(picture)
    except OSError as error:
        raise disk_error(error, folder) from error
    return page, picture


def _show(shown: _Shown, *, as_json: bool) -> None:
    sheet, report = shown.sheet, shown.report
    if as_json:
        print_json(_as_dict(shown))
    else:
        for row in sheet.rows:
            _show_row(row)
        say(f"{sheet.summary}; {report.embedded} pictures read in this run ({duration(report.seconds)}).")
        for path, reason in report.failed:
            say(f"  can't be read: {path}: {reason}")
        say("The answers as a contact sheet:")
        for file in shown.files:
            say(f"  {file}")
        say("How to go on:")
        for what, command in shown.next.items():
            say(f"  {what}:")
            say(f"      {command}")
    note(sheet.notice)


def _show_row(row: Row) -> None:
    example = f": {row.example.name}" if row.example else ""
    say(f"{row.query}    ({row.kind}{example}, {row.results.took_ms:.0f} ms)")
    if row.answers:
        cells = [(f"#{card.id}", r.score, r.verdict, card.name, card.caption) for card, r in row.answers]
        table(("id", "score", "verdict", "picture", "caption"), cells)
    else:
        say("No picture matches.")
    say("")


def _as_dict(shown: _Shown) -> dict[str, Any]:
    page, picture = shown.files
    answers = [
        row.results.as_dict() | {"query": row.query, "kind": row.kind, "captions": [card.caption for card in row.cards]}
        for row in shown.sheet.rows
    ]
    return {
        "folder": str(shown.folder),
        "pictures": shown.sheet.pictures,
        "encoder": shown.sheet.encoder,
        "notice": shown.sheet.notice,
        "indexed": as_dict(shown.report),
        "answers": answers,
        "html": str(page),
        "png": str(picture),
        "next": shown.next,
    }


def _stopped(report: Report, *, as_json: bool) -> int:
    if as_json:
        print_json({"indexed": as_dict(report)})
    note(f"Stopped after {report.embedded} pictures: what was done is kept, the next run goes on from there.")
    return STOPPED


def _remove(collection: Collection, gathered: Path, *, as_json: bool) -> int:
    """Take the demo's pictures out of the collection and off the disk."""
    before = collection.catalog.counts()["pictures"]
    if gathered.exists():
        shutil.rmtree(gathered)
        gathered.mkdir()  # an empty folder says that its files are gone; a missing one may be a drive that is away
        collection.index([gathered])
        collection.catalog.forget([gathered])
        gathered.rmdir()
    gone = before - collection.catalog.counts()["pictures"]
    if as_json:
        print_json({"removed": gone})
    else:
        say(f"Took out the demo's {gone} pictures." if gone else "There is no demo to remove.")
    return 0


def _next_steps(settings: Settings, gathered: Path) -> dict[str, str]:
    usual = Settings.model_fields["home"].get_default(call_default_factory=True)
    home = "" if settings.home == usual else f" --home {settings.home}"
    steps = {
        "search on a page in the browser": f"{_program()} serve{home}",
        "add pictures of your own": f"{_program()} index ~/Pictures{home}",
        "ask": f"{_program()} search a dog on the grass{home}",
    }
    if gathered.exists():
        steps["take the demo's pictures out again"] = f"{_program()} demo --remove{home}"
    return steps


def _program() -> str:
    """How this program can be called again: by its name where the shell finds it, otherwise by its path."""
    called = Path(sys.argv[0])
    if called.stem != "pixloom":
        return "pixloom"
    if shutil.which(called.name) == str(called):
        return called.name
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)
