"""`pixloom evaluate`."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.home import settings
from api.cli.options import EncoderName, Home, Json
from api.cli.output import note, print_json, say
from api.cli.progress import shown
from indexer.encoders import load_encoder
from indexer.errors import UsageError
from search.evaluate import evaluate_captions, evaluate_labels

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Kind(StrEnum):
    """What the data knows of its pictures."""

    captions = "captions"
    labels = "labels"


@app.command()
def evaluate(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What is known of the pictures: captions or labels.")],
    data: Annotated[Path, typer.Argument(help="captions: JSON lines. labels: a folder of folders named by class.")],
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the pictures of the captions lie.", show_default=False)
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this split of the captions.", show_default=False)
    ] = None,
    encoder: EncoderName = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Measure how well an encoder finds pictures by captions, or names and groups labelled ones.

    Exit code 1 means that some pictures couldn't be read: they are listed and left out.
    """
    if kind is Kind.labels and (images or split):
        raise UsageError("--images and --split go with captions: labels are a folder of folders.")
    chosen = settings(home=home, encoder=encoder)
    model = (context.obj or load_encoder)(chosen.encoder, chosen)
    note(model.notice)
    with shown() as on_progress:
        if kind is Kind.labels:
            figures = evaluate_labels(data, model, on_progress)
        else:
            figures = evaluate_captions(data, model, images, split, on_progress)
    if json:
        print_json(figures)
    else:
        for name, value in _flat(figures):
            say(f"{name:32} {value:.3f}" if isinstance(value, float) else f"{name:32} {value}")
        for failure in figures["failed"]:
            say(f"  {failure['path']}: {failure['reason']}")
    return 1 if figures["failed"] else 0


def _flat(figures: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from ((f"{name.replace('_', ' ')} {inner}", figure) for inner, figure in value.items())
        elif name != "failed":
            yield name.replace("_", " "), value
    yield "failed", len(figures["failed"])
