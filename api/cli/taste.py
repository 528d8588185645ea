"""`pixloom taste`."""

import json as text
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.feedback import asked
from api.cli.home import opened
from api.cli.options import Home, Json, UserName
from api.cli.output import print_json, say, table
from api.cli.tag_teach import ids
from api.files import replaced
from api.taste import taste_document
from indexer.collection import Collection
from indexer.errors import UsageError
from search.engine import Engine
from search.taste.background import Others
from search.taste.signals import Signals, user_name
from search.taste.tastes import Tastes

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_SHOWN = 8
"""Pictures of an interest that are listed."""


@app.command()
def taste(
    context: typer.Context,
    user: UserName = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="ID=WEIGHT", help="Weigh an interest; 1 is usual.")
    ] = None,
    mute: Annotated[list[str] | None, typer.Option(metavar="ID", help="Show nothing of an interest.")] = None,
    unmute: Annotated[list[str] | None, typer.Option(metavar="ID", help="Show it again.")] = None,
    delete: Annotated[list[str] | None, typer.Option(metavar="ID", help="Let its likes count no more.")] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that is kept of them.", show_default=False)
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete all that is kept of them; after --export.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Show a person's interests, and steer them; an interest is named by a picture of it.

    --set, --mute, --unmute and --delete may be given again. --export and --forget are about all of a person's data.
    """
    name = user_name(asked(user))
    changes = [(id, {"weight": weight}) for id, weight in map(_weighed, set or [])]
    changes += [(id, {"muted": True}) for id in ids(mute or [])] + [(id, {"muted": False}) for id in ids(unmute or [])]
    dropped = ids(delete or [])
    if (changes or dropped) and forget:
        raise UsageError("Either steer a person's interests or forget the person.")
    with opened(context, home) as collection:
        tastes = Tastes(Engine(collection))
        for id in {*(id for id, _ in changes), *dropped}:
            tastes.find(name, id)  # refused before anything is changed
        for id, values in changes:
            tastes.steer(name, id, **values)
        for id in dropped:
            tastes.drop(name, id)
        if export or forget:
            return _all_data(collection, name, export, forget, json)
        told = taste_document(collection, name, tastes.interests(name))
    if json:
        print_json(told)
    else:
        _show(told)
    return 0


def _weighed(word: str) -> tuple[int, Any]:
    id, _, weight = word.removeprefix("#").partition("=")
    try:
        return int(id), float(weight)
    except ValueError as error:
        raise UsageError(f"--set is {word!r}: write it as 12=2, an interest and its weight.") from error


def _all_data(collection: Collection, user: str, export: Path | None, forget: bool, json: bool) -> int:
    signals = Signals(collection.catalog.database)
    done: dict[str, Any] = {"user": user}
    if export:
        document = signals.export(user)
        with replaced(export) as file:
            file.write(text.dumps(document, ensure_ascii=False, indent=2))
        done |= {"exported": len(document["signals"]), "file": str(export)}
    if forget:
        done["forgotten"] = signals.forget(user)
        Others(collection).drop()
    if json:
        print_json(done)
        return 0
    if export:
        nothing = "" if done["exported"] else f"; nothing is known of {user}"
        say(f"Wrote {done['exported']} signals of {user} to {export}{nothing}.")
    if forget:
        say(f"Forgot {done['forgotten']} signals of {user}." if done["forgotten"] else f"Nothing is known of {user}.")
    return 0


def _show(told: dict[str, Any]) -> None:
    if not told["interests"]:
        say(f"Nothing is known of {told['user']}'s taste yet: `pixloom like 12 --user NAME` tells it.")
        return
    rows = []
    for one in told["interests"]:
        pictures = [f"#{id}" for id in one["pictures"][:_SHOWN]]
        more = len(one["pictures"]) - len(pictures)
        rows.append(
            (
                f"#{one['id']}",
                one["label"] or "",
                "muted" if one["muted"] else f"{one['share']:.0%}",
                f"{one['weight']:g}",
                " ".join(pictures) + (f" and {more} more" if more else ""),
            )
        )
    table(("interest", "label", "share", "weight", "pictures"), rows)
