"""`pixloom tag teach`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say
from indexer.errors import UsageError
from search.engine import Engine
from search.tags.labels import Clicks
from search.tags.teach import Taught
from search.tags.teach import teach as taught_by

_SHOWN = 20


def _ids_option(flag: str, text: str) -> object:
    return typer.Option(flag, metavar="IDS", help=f"{text}: 3,8,9 or '#3'; may be given again.", show_default=False)


def teach(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tag; it is made where there is none.")],
    yes: Annotated[list[str] | None, _ids_option("--yes", "Pictures that have it")] = None,
    no: Annotated[list[str] | None, _ids_option("--no", "Pictures that don't")] = None,
    forget: Annotated[list[str] | None, _ids_option("--forget", "Pictures whose labels are dropped")] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Teach a tag by examples and give it to all pictures that it fits; without any, show how it stands."""
    clicks = Clicks(ids(yes or ()), ids(no or ()), ids(forget or ()))
    with opened(context, home) as collection:
        engine = Engine(collection)
        told = taught_by(engine, name, clicks)
        snapshot = engine.snapshot()
        note(collection.notice(snapshot.index.encoder) if snapshot else None)
    if json:
        print_json(told.as_dict())
    else:
        _show(told)
    return 0


def ids(words: Sequence[str]) -> tuple[int, ...]:
    """Pictures as users list them: `3,8,9`, `#3`, several times; UsageError for anything else."""
    found = []
    for word in (part.strip() for text in words for part in text.split(",")):
        digits = word.removeprefix("#")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 100):
            raise UsageError(f"{word!r} is no picture's id: write 3,8,9 or '#3'; `pixloom search` shows ids.")
        found.append(int(digits))
    return tuple(dict.fromkeys(found))


def _show(told: Taught) -> None:
    said = f"{len(told.yes)} yes ({_listed(told.yes)}), {len(told.no)} no ({_listed(told.no)})"
    say(f"{told.tag}: {said}")
    if told.yes:
        say(f"{told.pictures} pictures have it now.{_precision(told)}")
    elif told.next:
        have = f"{told.pictures} pictures have it by other ways; n" if told.pictures else "N"
        say(f"{have}obody has shown one, so it isn't taught yet; those below are what the name alone finds.")
    if told.yes and told.best:
        say("Likeliest without a label: " + ", ".join(f"#{id} ({p:.0%})" for id, p in told.best))
    if told.next:
        say("Label next: " + " ".join(f"#{id}" for id in told.next))


def _precision(told: Taught) -> str:
    if told.precision is None:
        return " All of them were labelled."
    return f" Of those that nobody labelled, about {told.precision:.0%} are expected to be right."


def _listed(ids: Sequence[int]) -> str:
    shown = " ".join(f"#{id}" for id in ids[:_SHOWN])
    return f"{shown} and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else shown or "none"
