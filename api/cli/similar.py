"""`pixloom similar`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.boxes import parse_box
from api.cli.home import opened
from api.cli.options import All, Home, Json, K
from api.cli.search import show
from search.engine import Engine
from search.taste.different import similar_but_different

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def similar(
    context: typer.Context,
    picture: Annotated[str, typer.Argument(help="A picture's id (12 or '#12') or a file, in the collection or not.")],
    k: K = 20,
    box: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Only this part of it, in pixels.", show_default=False)
    ] = None,
    diverse: Annotated[bool, typer.Option("--diverse", help="Like it, but unlike each other.")] = False,
    show_all: All = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Find the pictures most like one, or like a part of it."""
    with opened(context, home) as collection:
        engine = Engine(collection)
        find = partial(similar_but_different, engine) if diverse else engine.similar
        results = find(named(picture), k=k, box=parse_box(box), show_all=show_all)
        show(collection, results, as_json=json)
    return 0


def named(picture: str) -> int | Path:
    """A picture as users name it: 12, #12 or a path (./12 for a file of that name)."""
    digits = picture.removeprefix("#")
    number = digits.isascii() and digits.isdigit() and len(digits) <= 100
    return int(digits) if number else Path(picture).expanduser()
