"""`pixloom edits`."""

from typing import Annotated

import typer

from api.cli.feedback import picture_id
from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import print_json, say, table
from api.cli.progress import shown
from api.edits import told
from api.tune_schemas import EditOut, Edits
from indexer.types import Progress
from tuner.again import again as make_again
from tuner.tune import Tuner

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def edits(
    context: typer.Context,
    picture: Annotated[str, typer.Argument(help="A picture's id (12 or '#12') or a file of the collection.")],
    again: Annotated[
        bool, typer.Option("--again", help="Make it again from its record, and compare; nothing is written.")
    ] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Show what was made from a picture, how it was made itself, and the way back to the original."""
    with opened(context, home) as collection:
        id = picture_id(collection, picture)
        if again:
            with shown() as on_progress:
                made = make_again(
                    Tuner(collection), id, lambda done, total, what: on_progress(Progress(what or "again", done, total))
                )
            if json:
                print_json({"picture": id, "same": made.same, "apart": made.apart})
            elif made.same:
                say(f"#{id} was made again: the same pixels.")
            else:
                say(f"#{id} was made again: pixels differ by up to {made.apart:.4f} of 1.")
            return 0 if made.same else 1
        known = told(collection, id)
    if json:
        print_json(known.model_dump(mode="json"))
    else:
        _show(known)
    return 0


def _show(known: Edits) -> None:
    if known.made:
        say(f"#{known.picture} was made {_how(known.made)}.")
        say("Back: " + " <- ".join(f"#{id}" for id in reversed(known.line)))
    if known.edits:
        rows = [
            (
                f"#{one.id}",
                one.operation,
                one.method or "",
                _figure(one.cosine),
                _figure(one.ssim),
                one.created_at.date(),
            )
            for one in known.edits
        ]
        table(("edit", "operation", "method", "likeness", "SSIM", "made"), rows)
    else:
        say(f"Nothing was made from #{known.picture} yet: `pixloom tune OPERATION {known.picture}`.")


def _how(made: EditOut) -> str:
    values = ", ".join(f"{name}={value}" for name, value in made.parameters.items() if value not in ("", [], None))
    parent = f"from #{made.parent} " if made.parent is not None else ""
    by = f" by {made.model}" if made.model else ""
    return f"{parent}with {made.operation}{by} ({values}; seed {made.seed}; {made.version})"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
