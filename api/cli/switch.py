"""`pixloom models switch`, `rollback` and `drop`."""

from collections.abc import Callable
from typing import Annotated

import typer

from api.change import Begin, Outcome, change, to_model, to_previous
from api.cli import STOPPED
from api.cli.home import opened
from api.cli.index import terminate_like_ctrl_c
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say, table
from api.cli.progress import shown
from api.cli.tagging import bring_tags
from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.switch import drop as drop_index
from search.compare import Comparison, Side

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_NAME = typer.Argument(metavar="NAME", help="A model as `pixloom models` lists it, or the folder of a trained one.")
_SHOWN = 10
"""Queries of a comparison that are listed; `--json` has all."""


@app.command()
def switch(context: typer.Context, name: Annotated[str, _NAME], json: Json = False, home: Home = None) -> int:
    """Build the index of another model beside the present one, compare the two, and let the new one answer.

    Until then the old one answers. Ctrl-C keeps what is done: the same command goes on from there, and
    `pixloom models drop NAME` deletes it. Exit code 1 means that some files couldn't be read.
    """
    if not name.strip():
        raise UsageError("The name of the model is empty: `pixloom models` lists them.")
    with opened(context, home) as collection:
        outcome = _change(collection, lambda: to_model(collection, name), comparing=True)
        return _show(collection, outcome, as_json=json)


@app.command()
def rollback(context: typer.Context, json: Json = False, home: Home = None) -> int:
    """Go back to the index that answered before the last switch; pictures that came since are embedded first.

    A second rollback undoes the first.
    """
    with opened(context, home) as collection:
        outcome = _change(collection, lambda: to_previous(collection), comparing=False)
        return _show(collection, outcome, as_json=json)


@app.command()
def drop(context: typer.Context, name: Annotated[str, _NAME], json: Json = False, home: Home = None) -> int:
    """Delete the index of a model, whole or half-built; never the one that answers."""
    with opened(context, home) as collection:
        freed = drop_index(collection, name)
    if json:
        print_json({"dropped": name, "bytes": freed})
    else:
        say(f"Dropped the index of {name}: {_size(freed)} are free again.")
    return 0


def _change(collection: Collection, begin: Callable[[], Begin], *, comparing: bool) -> Outcome:
    with terminate_like_ctrl_c(), shown() as on_progress, collection.switching():
        outcome = change(collection, begin(), comparing=comparing, on_progress=on_progress)
        if outcome.switched:
            bring_tags(collection, on_progress)
        return outcome


def _show(collection: Collection, outcome: Outcome, *, as_json: bool) -> int:
    report = outcome.report
    if as_json:
        print_json(outcome.as_dict())
    else:
        if outcome.comparison:
            _show_comparison(outcome.comparison)
        elif outcome.uncompared:
            say(f"The two can't be compared: {outcome.uncompared}")
        _summary(outcome)
        for path, reason in report.failed:
            say(f"  can't be read: {path}: {reason}")
    if report.interrupted:
        note("Stopped: what was done is kept; the same command goes on from there.")
        return STOPPED
    note(collection.notice(outcome.encoder))
    return 1 if report.failed else 0


def _summary(outcome: Outcome) -> None:
    report = outcome.report
    if outcome.switched:
        counts = f"{report.embedded} pictures read, {report.projected} projected from what was kept"
        say(f"{outcome.encoder} answers now ({counts}).")
        if outcome.previous:
            say(f"{outcome.previous} is kept: `pixloom models rollback` goes back to it.")
    elif not report.interrupted:
        say(f"{outcome.encoder} answers already: there is nothing to do.")


def _show_comparison(comparison: Comparison) -> None:
    columns = ("", "model", "vectors", "numbers", "median ms", "index", "weights")
    table(columns, [_row("old", comparison.old), _row("new", comparison.new)])
    say("")
    if comparison.overlap is None:
        say("There was no query to compare them on.")
        return
    listed = [(one.origin, one.query, one.overlap, one.old_ms, one.new_ms) for one in comparison.queries[:_SHOWN]]
    table(("asked", "query", "overlap@10", "old ms", "new ms"), listed)
    say(f"Of the ten best, {comparison.overlap:.0%} are the same over {len(comparison.queries)} queries.")
    say("")


def _row(name: str, side: Side) -> tuple[object, ...]:
    latency = "" if side.latency_ms is None else f"{side.latency_ms:.1f}"
    weights = "not known" if side.model_bytes is None else _size(side.model_bytes)
    return name, side.encoder, side.vectors, side.dimension, latency, _size(side.index_bytes), weights


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
