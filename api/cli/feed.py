"""`pixloom feed`."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say, table
from indexer.errors import UsageError
from search.engine import Engine
from search.taste.feeds import OnThisDay, on_this_day

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Feed(StrEnum):
    """What there is."""

    on_this_day = "on-this-day"


@app.command()
def feed(
    context: typer.Context,
    name: Annotated[Feed, typer.Argument(help="Which one: on-this-day.")],
    day: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Today by default.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", help="How many pictures of each year to show.")] = 20,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Leave out what they hid.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Show what was photographed on this day of earlier years, best and most varied first."""
    with opened(context, home) as collection:
        found = on_this_day(Engine(collection), _date(day), k=k, user=user)
    if json:
        print_json(found.as_dict())
    else:
        _show(found)
    return 0


def _date(day: str | None) -> date | None:
    try:
        return None if day is None else date.fromisoformat(day)
    except ValueError as error:
        raise UsageError(f"--date {day} is no day: write it as 2024-05-31.") from error


def _show(found: OnThisDay) -> None:
    if not found.years:
        say(f"No picture was taken around {found.day:%d %B} of an earlier year, as far as their metadata say.")
        return
    for year in found.years:
        say(f"{year.year}, {year.ago} year{'s' if year.ago > 1 else ''} ago")
        rows = [(f"#{one.id}", f"{one.captured_at:%Y-%m-%d %H:%M}", len(one.alike), one.path) for one in year.pictures]
        table(("id", "taken", "versions", "path"), rows)
    near = any(one.days for year in found.years for one in year.pictures)
    note("Where a year has few of the day, those of the nearest days are shown too." if near else None)
