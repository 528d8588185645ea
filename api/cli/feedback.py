"""`pixloom like`, `pixloom dislike` and `pixloom hide`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.cli.home import opened
from api.cli.options import Home, Json, UserName
from api.cli.output import print_json, say
from api.cli.similar import named
from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from search.taste.signals import Signals

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def feedback(
    context: typer.Context,
    picture: Annotated[str, typer.Argument(help="A picture's id (12 or '#12'), or its file.")],
    user: UserName = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Note that a person likes or dislikes a picture, or never wants to see it; the next recommendations follow it.

    Of like, dislike and hide the last one stands.
    """
    kind = context.info_name or ""
    with opened(context, home) as collection:
        signals, id = Signals(collection.catalog.database), picture_id(collection, picture)
        signal = signals.undo(asked(user), id, kind) if undo else signals.add(asked(user), id, kind)
    if json:
        print_json(asdict(signal))
    else:
        say(f"Took back {signal.user}'s {kind} of picture {id}." if undo else f"Noted: {signal.user}, {kind}, {id}.")
    return 0


def asked(user: str | None) -> str:
    """The person that a command is for; UsageError where none is named."""
    if user is None:
        raise UsageError("Say whose it is: --user NAME.")
    return user


def picture_id(collection: Collection, picture: str) -> int:
    """The id of a picture of the collection as users name it."""
    found = named(picture)
    if isinstance(found, Path):
        id = collection.catalog.find(path=found.absolute())
        if id is None:
            raise NotFoundError(f"{found} is not in the collection: index it first, or name a picture by its id.")
        return id
    return found
