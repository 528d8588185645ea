"""`pixloom import`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import STOPPED
from api.cli.home import opened
from api.cli.index import as_dict, terminate_like_ctrl_c
from api.cli.options import (
    ColumnCaptions,
    ColumnImage,
    ColumnLabels,
    EncoderName,
    Encoding,
    Home,
    Images,
    Json,
    Split,
)
from api.cli.output import duration, note, print_json, say
from api.cli.progress import shown
from api.cli.tagging import bring_tags
from indexer.importing import Imported, import_items
from indexer.sources.datasets import LOADERS, DataSet, read_items
from indexer.sources.problems import Kind, Problems
from indexer.sources.source import Columns

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_FIRST = 3
"""Problems of each kind, and failures, that are shown; `--json` has more."""
_COUNTS = ("pictures", "captions", "labels", "attributes", "boxes")


@app.command("import")
def import_(
    context: typer.Context,
    format: Annotated[str, typer.Argument(help=f"One of {', '.join(LOADERS)}, or auto.")],
    path: Annotated[Path, typer.Argument(help="The data set's folder or file.")],
    images: Images = None,
    split: Split = None,
    column_image: ColumnImage = None,
    column_caption: ColumnCaptions = None,
    column_label: ColumnLabels = None,
    encoding: Encoding = None,
    encoder: EncoderName = None,
    retry: Annotated[bool, typer.Option("--retry", help="Read again what couldn't be read before.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Read a data set: the pictures it names, and its captions, labels, attributes, boxes and splits.

    Another import of the same path replaces what the last one said. Exit code 1 means that some pictures
    couldn't be read; what is wrong with the data itself is listed and counted.
    """
    columns = Columns(column_image, tuple(column_caption or ()), tuple(column_label or ()))
    data = read_items(format, path, images, split, columns=columns, encoding=encoding)
    with opened(context, home) as collection, terminate_like_ctrl_c():
        with shown() as on_progress:
            result = import_items(collection, data, encoder=encoder, retry=retry, on_progress=on_progress)
            if not result.report.interrupted:
                bring_tags(collection, on_progress)
        active = collection.catalog.state().index
        notice = collection.notice(active.encoder) if active else None
    if json:
        print_json(_as_dict(data, result) | {"encoder": active.encoder if active else None, "notice": notice})
    elif not result.report.interrupted:
        _summary(data, result)
    note(notice)
    if result.report.interrupted:
        note("Stopped: the pictures read so far are kept; the same `pixloom import` goes on from there.")
        return STOPPED
    return 1 if result.failed else 0


def _as_dict(data: DataSet, result: Imported) -> dict[str, Any]:
    report = as_dict(result.report)
    failed = [{"path": str(path), "reason": reason} for path, reason in result.failed]
    counts = {name: getattr(result, name) for name in _COUNTS}
    rest = {"splits": result.splits, "failed": failed, "problems": result.problems.as_dict()}
    kept = {name: report[name] for name in ("added", "changed", "embedded", "interrupted", "seconds")}
    return {"format": data.format, "path": str(data.path)} | counts | rest | kept


def _summary(data: DataSet, result: Imported) -> None:
    counts = ", ".join(f"{name} {getattr(result, name)}" for name in _COUNTS)
    report = result.report
    say(
        f"{data.format}: {counts}, embedded {report.embedded}, failed {len(result.failed)} ({duration(report.seconds)})"
    )
    if result.splits:
        say("splits: " + ", ".join(f"{name} {count}" for name, count in sorted(result.splits.items())))
    for path, reason in result.failed[:_FIRST]:
        say(f"  {path}: {reason}")
    if len(result.failed) > _FIRST:
        say(f"  and {len(result.failed) - _FIRST} more: see `pixloom status`")
    say_problems(result.problems)


def say_problems(problems: Problems, without: Kind | None = None) -> None:
    """The first of each kind, and how many there are."""
    for kind, count in problems.counts.items():
        if kind is without:
            continue
        say(f"{kind}: {count}")
        for problem in problems.of(kind)[:_FIRST]:
            say(f"  {problem.where}: {problem.what}")
        if count > _FIRST:
            say(f"  and {count - _FIRST} more: see --json")
