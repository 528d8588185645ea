"""`pixloom evaluate`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
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
from api.cli.restoration import Limit, Tasks, restoration, show_restoration
from api.cli.trial import show_people, show_tags, show_trial
from indexer.encoders import load_encoder
from indexer.errors import UsageError
from indexer.sources.datasets import LOADERS, DataSet, read_items
from indexer.sources.problems import Kind as ProblemKind
from indexer.sources.source import Columns
from indexer.types import Encoder, OnProgress
from search.evaluate import evaluate_captions, evaluate_labels
from search.evaluate_tags import evaluate_tags
from search.plots import check_plot
from search.plots import plot as draw
from search.taste.people import evaluate_people
from search.taste.ratings import is_ratings, read_ratings
from search.taste.trial import evaluate_ratings

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_FIRST = 5
"""Failures that are shown."""


class Kind(StrEnum):
    """What is measured."""

    captions = "captions"
    labels = "labels"
    tags = "tags"
    recommend = "recommend"
    restoration = "restoration"


@dataclass
class Asked:
    """What a command line asks to measure; data and model are read when a measure needs them."""

    data: Path
    read: Callable[[], DataSet]
    load: Callable[[], Encoder]
    restore: Callable[[OnProgress], "Figures"]

    @cached_property
    def items(self) -> DataSet:
        """The data set."""
        return self.read()

    @cached_property
    def model(self) -> Encoder:
        """The encoder, of which the user is told what must be known."""
        model = self.load()
        note(model.notice)
        return model


Figures = dict[str, Any]


def _recommend(asked: Asked, on_progress: OnProgress) -> Figures:
    measure = next((measure for suits, measure in RECOMMEND if suits(asked.data)), None)
    if measure is None:
        read_ratings(asked.data)  # says what is missing
        raise UsageError(f"{asked.data} holds nothing that recommendations can be measured on.")
    return measure(asked, on_progress)


def _may_hold_pictures(data: Path) -> bool:
    return data.is_file() or (data.is_dir() and any(one.is_dir() for one in data.iterdir()))


MEASURES: dict[Kind, Callable[[Asked, OnProgress], Figures]] = {
    Kind.captions: lambda asked, on_progress: evaluate_captions(asked.items, asked.model, on_progress),
    Kind.labels: lambda asked, on_progress: evaluate_labels(asked.items, asked.model, on_progress),
    Kind.tags: lambda asked, on_progress: evaluate_tags(asked.items, asked.model, on_progress),
    Kind.recommend: _recommend,
    Kind.restoration: lambda asked, on_progress: asked.restore(on_progress),
}
"""Kind -> what measures it."""
RECOMMEND: tuple[tuple[Callable[[Path], bool], Callable[[Asked, OnProgress], Figures]], ...] = (
    (is_ratings, lambda asked, on_progress: evaluate_ratings(asked.data, on_progress)),
    (_may_hold_pictures, lambda asked, on_progress: evaluate_people(asked.items, asked.model, on_progress)),
)
"""Which data suit, and what measures recommendations on them, ratings or labelled pictures; the first that suits is
taken."""


@app.command()
def evaluate(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What is known: captions or labels of pictures, or what people like.")],
    data: Annotated[
        Path, typer.Argument(help="A data set: COCO, ImageNet, a table, a folder of folders or of ratings, ...")
    ],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(LOADERS)}.")] = "auto",
    images: Images = None,
    split: Split = None,
    column_image: ColumnImage = None,
    column_caption: ColumnCaptions = None,
    column_label: ColumnLabels = None,
    encoding: Encoding = None,
    task: Tasks = None,
    limit: Limit = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the figures too.", show_default=False)
    ] = None,
    encoder: EncoderName = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Measure how well an encoder finds pictures by captions, or names and groups labelled ones, how well models
    of what people like guess what they like next, or how near restored pictures are to the clean ones.

    Labels are classes, categories of boxes, or attributes that are true or false. Exit code 1 means that some
    pictures are missing or couldn't be read: they are listed and left out.
    """
    if plot is not None:
        if kind not in (Kind.captions, Kind.labels):
            raise UsageError("--plot draws captions and labels only: leave it out.")
        check_plot(plot)
    columns = Columns(column_image, tuple(column_caption or ()), tuple(column_label or ()))
    chosen = settings(home=home, encoder=encoder)
    asked = Asked(
        data,
        lambda: read_items(format, data, images, split, columns=columns, encoding=encoding),
        lambda: (context.obj or load_encoder)(chosen.encoder, chosen),
        lambda on_progress: restoration(context, data, home, task or (), limit, on_progress),
    )
    with shown() as on_progress:
        figures = MEASURES[kind](asked, on_progress)
    if plot is not None:
        draw(figures, plot, _title(figures, asked.items))
    if json:
        print_json(figures)
    elif "rows" in figures:
        show_restoration(figures)
    elif "models" in figures:
        show_trial(figures)
    elif "beside" in figures:
        show_tags(figures)
    elif "protocol" in figures:
        show_people(figures)
    else:
        _table(figures, asked.items)
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
