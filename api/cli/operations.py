"""`pixloom operations`."""

from typing import Annotated, Any

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import duration, print_json, say, table
from api.cli.similar import named
from api.operations import described, in_words
from indexer.collection import Collection
from indexer.errors import NotFoundError
from indexer.models.machine import this_machine
from indexer.models.spec import in_bytes
from tuner.operations import all_operations, get_operation
from tuner.work import Work

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def operations(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only this one, with its parameters.", show_default=False)] = None,
    picture: Annotated[
        str | None, typer.Option(metavar="PICTURE", help="Say what each would take for it.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """List what can be made from pictures: every operation, its parameters and ranges, its methods, its cost."""
    chosen = [get_operation(name)] if name else list(all_operations())
    with opened(context, home) as collection:
        size = _size(collection, picture) if picture else None
        work, free = Work(collection.settings), this_machine().free
        told = [described(one, work, size, free) for one in chosen]
    if json:
        print_json({"operations": told})
    elif name:
        _one(told[0])
    else:
        table(("name", "for", "what it does", "by", "a megapixel"), [_row(one) for one in told])
        say("`pixloom operations NAME` shows parameters and methods.")
    return 0


def _size(collection: Collection, picture: str) -> tuple[int, int]:
    wanted = named(picture)
    id = wanted if isinstance(wanted, int) else collection.catalog.find(path=wanted.absolute())
    if id is None:
        raise NotFoundError(f"{picture} is not in the collection: `pixloom index` it first, or name a picture's id.")
    record = collection.catalog.picture(id)
    return record.width, record.height


def _row(told: dict[str, Any]) -> tuple[object, ...]:
    used = _used(told)
    seconds = told["estimate"]["seconds"] if told["estimate"] else used["seconds_per_megapixel"]
    return told["name"], told["task"], told["summary"], used["name"], duration(seconds)


def _used(told: dict[str, Any]) -> dict[str, Any]:
    return next(method for method in told["methods"] if method["used"])


def _one(told: dict[str, Any]) -> None:
    say(f"{told['name']} ({told['task']}): {told['summary']}")
    if told["parameters"]:
        rows = [(one["name"], in_words(one), _default(one), one["description"]) for one in told["parameters"]]
        table(("parameter", "value", "default", "meaning"), rows)
    methods = [
        ("*" if one["used"] else "", one["name"], _where(one), duration(one["seconds_per_megapixel"]), one["summary"])
        for one in told["methods"]
    ]
    table(("", "method", "here", "a megapixel", "what it is"), methods)
    if told["estimate"]:
        say(f"For this picture: {duration(told['estimate']['seconds'])}, {in_bytes(told['estimate']['memory'])}.")


def _default(parameter: dict[str, Any]) -> str:
    match parameter.get("default"):
        case None:
            return ""
        case bool(value):
            return "yes" if value else "no"
        case value:
            return str(value)


def _where(method: dict[str, Any]) -> str:
    if method["model"] is None:
        return "yes"
    return "yes" if method["here"] else f"pixloom models pull {method['model']}"
