"""`pixloom evaluate restoration`: what operations restore, beside the standard ways, as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.home import opened
from api.cli.output import note, say, table
from indexer.types import OnProgress, Progress
from search.engine import Engine
from tuner.evaluate import TASKS
from tuner.evaluate.restoration import evaluate_restoration
from tuner.pictures import CollectionPictures
from tuner.work import Work

Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", metavar="NAME", help=f"Of restoration: {', '.join(TASKS)}; may be given again."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Of restoration: pictures of a folder.", show_default=False),
]
_FIRST = 5


def restoration(
    context: typer.Context,
    data: Path,
    home: Path | None,
    tasks: Sequence[str],
    limit: int | None,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """The figures of `evaluate_restoration`; the collection of `home` is what colours are taken from."""
    with opened(context, home) as collection:
        work = Work(
            collection.settings,
            pictures=CollectionPictures(collection, Engine(collection)),
            on_step=lambda done, total, what: on_progress(Progress(what, done, total)),
        )
        return evaluate_restoration(data, work, tasks, limit)


def show_restoration(figures: dict[str, Any]) -> None:
    """Print what `evaluate_restoration` gave: a table for each task."""
    for task in figures["tasks"]:
        rows = [row for row in figures["rows"] if row["task"] == task]
        measures = list(dict.fromkeys(name for row in rows for name in row["figures"]))
        say(f"{task}")
        table(
            ("data", "case", "method", "pictures", *measures, "s each"),
            [
                (
                    row["data"],
                    row["case"],
                    f"{row['method']} *" if row["ours"] else row["method"],
                    row["pictures"],
                    *(_figure(row["figures"].get(name)) for name in measures),
                    round(row["seconds"], 3),
                )
                for row in rows
            ],
        )
    for failure in figures["failed"][:_FIRST]:
        say(f"  {failure['path']}: {failure['reason']}")
    note("* is what Pixloom does by default. Degradations are simulated here, with fixed seeds.")


def _figure(value: float | None) -> object:
    return "" if value is None else round(value, 4)
