"""`pixloom index`."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import STOPPED
from api.cli.home import opened
from api.cli.options import EncoderName, Home, Json
from api.cli.output import duration, note, print_json, say
from api.cli.progress import shown
from api.cli.tagging import bring_tags
from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.types import Report

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_FIRST = 5
"""Failures that are shown; `pixloom status` has all."""


@app.command()
def index(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders and files; without any, all that were indexed before.")
    ] = None,
    encoder: EncoderName = None,
    workers: Annotated[int | None, typer.Option(help="Threads that read pictures.", show_default=False)] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Read again what couldn't be read before.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Read folders and files into the collection; a second run does only what has changed.

    Ctrl-C keeps what was read so far, and the next run goes on from there. Exit code 1 means that some
    files couldn't be read: they are listed.
    """
    if not all(path.strip() for path in paths or ()):
        raise UsageError("A path is empty: name a folder, as in `pixloom index ~/Pictures`.")
    with opened(context, home, workers=workers) as collection:
        if not (paths or collection.catalog.roots() or collection.catalog.sources()):
            raise UsageError("Nothing has been indexed yet: name a folder, as in `pixloom index ~/Pictures`.")
        report = _run(collection, [Path(path) for path in paths or ()], encoder, retry)
        active = collection.catalog.state().index
        notice = collection.notice(active.encoder) if active else None
        if json:
            print_json(as_dict(report) | {"encoder": active.encoder if active else None, "notice": notice})
        elif not report.interrupted:
            _summary(report)
        for root in report.missing:
            note(f"{root} isn't there: its pictures are kept. `pixloom forget {root}` takes them out.")
        note(notice)
    if report.interrupted:
        note(f"Stopped after {report.embedded} pictures: what was done is kept; `pixloom index` goes on from there.")
        return STOPPED
    return 1 if report.failed else 0


def as_dict(report: Report) -> dict[str, Any]:
    """A run's report for `--json`."""
    counts = ("added", "changed", "moved", "gone", "unchanged", "embedded", "projected")
    failed = [{"path": str(path), "reason": reason} for path, reason in report.failed]
    rest = {
        "failed": failed,
        "missing": [str(root) for root in report.missing],
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
    }
    return {name: getattr(report, name) for name in counts} | rest


def _run(collection: Collection, paths: list[Path], encoder: str | None, retry: bool) -> Report:
    report = Report()
    with terminate_like_ctrl_c():
        try:
            with shown() as on_progress:
                report = collection.index(paths, encoder=encoder, retry=retry, on_progress=on_progress)
                if not report.interrupted:
                    bring_tags(collection, on_progress)
        except KeyboardInterrupt:  # before there was anything to embed, or while tags were given
            report.interrupted = True
        return report


@contextmanager
def terminate_like_ctrl_c() -> Iterator[None]:
    """Within it, the signal that ends a process keeps what was done, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals can only be caught in the main thread
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _summary(report: Report) -> None:
    counts = ", ".join(f"{name} {getattr(report, name)}" for name in ("added", "changed", "moved", "gone"))
    projected = f", projected {report.projected}" if report.projected else ""
    failed = f", failed {len(report.failed)}" if report.failed else ""
    rate = f", {report.embedded / report.seconds:.1f} pictures/s" if report.embedded and report.seconds else ""
    say(f"{counts}{projected}{failed}, unchanged {report.unchanged} ({duration(report.seconds)}{rate})".capitalize())
    for path, reason in report.failed[:_FIRST]:
        say(f"  {path}: {reason}")
    if len(report.failed) > _FIRST:
        say(f"  and {len(report.failed) - _FIRST} more: see `pixloom status`")
