"""`pixloom evaluate`."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.home import settings
from api.cli.importing import say_problems
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
from api.cli.output import note, print_json, say
from api.cli.progress import shown
from indexer.encoders import load_encoder
from indexer.sources.datasets import LOADERS, DataSet, read_items
from indexer.sources.problems import Kind as ProblemKind
from indexer.sources.source import Columns
from search.evaluate import evaluate_captions, evaluate_labels
from search.plots import check_plot
from search.plots import plot as draw

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_FIRST = 5
"""Failures that are shown."""


class Kind(StrEnum):
    """What the data knows of its pictures."""

    captions = "captions"
    labels = "labels"


@app.command()
def evaluate(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What is known of the pictures: captions or labels.")],
    data: Annotated[Path, typer.Argument(help="A data set: COCO, ImageNet, a table, a folder of folders, and so on.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(LOADERS)}.")] = "auto",
    images: Images = None,
    split: Split = None,
    column_image: ColumnImage = None,
    column_caption: ColumnCaptions = None,
    column_label: ColumnLabels = None,
    encoding: Encoding = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the figures too.", show_default=False)
    ] = None,
    encoder: EncoderName = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Measure how well an encoder finds pictures by captions, or names and groups labelled ones.

    Labels are classes, categories of boxes, or attributes that are true or false. Exit code 1 means that some
    pictures are missing or couldn't be read: they are listed and left out.
    """
    if plot is not None:
        check_plot(plot)
    columns = Columns(column_image, tuple(column_caption or ()), tuple(column_label or ()))
    items = read_items(format, data, images, split, columns=columns, encoding=encoding)
    chosen = settings(home=home, encoder=encoder)
    model = (context.obj or load_encoder)(chosen.encoder, chosen)
    note(model.notice)
    with shown() as on_progress:
        measure = evaluate_labels if kind is Kind.labels else evaluate_captions
        figures = measure(items, model, on_progress)
    if plot is not None:
        draw(figures, plot, _title(figures, items))
    if json:
        print_json(figures)
    else:
        _table(figures, items)
    return 1 if figures["failed"] else 0


def _title(figures: dict[str, Any], items: DataSet) -> str:
    part = f", {items.source.splits.asked}" if items.source.splits.asked else ""
    return f"{figures['encoder']} on {items.path.name}{part}: {figures['pictures']} pictures"


def _table(figures: dict[str, Any], items: DataSet) -> None:
    for name, value in _flat(figures):
        say(f"{name:32} {value:.3f}" if isinstance(value, float) else f"{name:32} {value}")
    for failure in figures["failed"][:_FIRST]:
        say(f"  {failure['path']}: {failure['reason']}")
    if len(figures["failed"]) > _FIRST:
        say(f"  and {len(figures['failed']) - _FIRST} more: see --json")
    say_problems(items.problems, without=ProblemKind.MISSING)


def _flat(figures: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if name in ("curve", "problems", "failed") or isinstance(value, list) or value is None:
            continue
        if isinstance(value, dict):
            yield from ((f"{name.replace('_', ' ')} {inner}", figure) for inner, figure in value.items())
        else:
            yield name.replace("_", " "), value
    yield "failed", len(figures["failed"])
