"""What commands print: one JSON document or a table on stdout, notices on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer


def print_json(value: Any) -> None:
    """The one document of a `--json` run."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line of the answer."""
    sys.stdout.write(plain(text) + "\n")


def note(text: str | None) -> None:
    """A line beside the answer, where there is something to say."""
    if text:
        typer.echo(plain(text), err=True)


def plain(text: str) -> str:
    """Text without anything that would steer a terminal: names of files may hold whatever they like."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows below headings; numbers to the right; nothing is ever cut off."""
    # Imported here because Rich takes 60 ms and `--json` needs none of it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False)
    cells = [list(row) for row in rows]
    for place, name in enumerate(columns):
        numbers = all(isinstance(row[place], int | float) for row in cells)
        grid.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        grid.add_row(*(Text(plain(_cell(value))) for value in row))
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else 10_000)
    with console.capture() as shown:
        console.print(grid)
    # Written by hand: Rich would end the process where the reader has gone away.
    lines = shown.get().splitlines()
    sys.stdout.write("".join(line.rstrip() + "\n" for line in lines))


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
