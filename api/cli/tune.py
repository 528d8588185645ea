"""`pixloom tune`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.cli.following import as_dict, exit_code, summary, worked
from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say, table
from api.cli.similar import named
from api.parameters import named_values
from api.ranking import RankedOut, told
from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from indexer.job_tables import DONE
from search.engine import Engine
from tuner.jobs.book import ANYONE, Wanted
from tuner.jobs.job import Item, Job
from tuner.operations import get_operation, read_parameters
from tuner.references import settled
from tuner.selection import found_by

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_WAIT = 60.0
"""Seconds that somebody else's indexing may take."""


@app.command()
def tune(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="Its name; `pixloom operations` lists them.")],
    pictures: Annotated[
        list[str] | None, typer.Argument(help="Ids (12 or '#12') or files.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", help="Folder, or file, for the outcome.", show_default=False),
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; may be given again.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="QUERY", help="All pictures that this finds.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", help="How many of those at most.")] = 100,
    seed: Annotated[int, typer.Option(help="What is random begins from it.")] = 0,
    count: Annotated[int, typer.Option("-n", metavar="N", help="Candidates of each, where it generates.")] = 1,
    user: Annotated[str, typer.Option(metavar="NAME", help="Whom the job belongs to.")] = ANYONE,
    confirm_rights: Annotated[
        bool, typer.Option("--confirm-rights", help="You may make derivatives, whatever the pictures' rights say.")
    ] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Make something of pictures, and wait for it: the outcomes lie beside the originals, indexed with their parents.

    Of several pictures, a small preview of the first is made before anything else, and when that fails nothing is
    done. Ctrl-C cancels; what is done stays. Exit code 1 means that some pictures failed, 2 that all did.
    """
    chosen = get_operation(operation)
    given = named_values(parameters or [])
    with opened(context, home) as collection:
        given = settled(chosen, given, collection.settings, files=True)
        read_parameters(chosen, given)  # before any file is read
        ids = [*(_id(collection, one) for one in pictures or ()), *_found(collection, query, k)]
        folder = out.absolute() if out else None
        wanted = Wanted(operation, ids, given, user, seed, count, confirm_rights=confirm_rights, folder=folder)
        job, items = worked(context, collection, wanted)
        order = told(Engine(collection), job, items) if count > 1 else []
    return _told(job, items, order, as_json=json)


def _id(collection: Collection, picture: str) -> int:
    """A picture's id; a file that the collection doesn't have is taken in first."""
    wanted = named(picture)
    if isinstance(wanted, int):
        return collection.catalog.picture(wanted).id
    path = wanted.absolute()
    if not path.is_file():
        raise NotFoundError(f"There is no file {wanted}, and it isn't a picture's id either.")
    found = collection.catalog.find(path=path)
    if found is None:
        report = collection.index(files={str(path.parent): {path.name}}, wait=_WAIT)
        found = collection.catalog.find(path=path)
        if found is None:
            raise UsageError(f"{wanted} can't be worked on: {dict(report.failed).get(path, 'it is no picture')}.")
    return found


def _found(collection: Collection, query: str | None, k: int) -> list[int]:
    if query is None:
        return []
    ids = found_by(Engine(collection), query, k)
    if not ids:
        raise NotFoundError(f"No picture matches {query!r}: nothing was done.")
    return ids


def _told(job: Job, items: Sequence[Item], order: Sequence[RankedOut], *, as_json: bool) -> int:
    made = [item for item in items if item.state == DONE]
    if as_json:
        results, ranking = [as_dict(one) for one in items], [one.model_dump(mode="json") for one in order]
        whole = {"job": job.id, "state": job.state, "reason": job.reason, "results": results}
        print_json(whole | ({"ranking": ranking} if order else {}))
    else:
        if made:
            rows = [(_named(one), f"#{one.outcome}", _far(one), one.path or "") for one in made]
            table(("picture", "outcome", "likeness", "path"), rows)
        if order:
            table(("", "of", "candidate", "score", "why"), [_row(one) for one in order])
        for one in items:
            for text in one.notes:
                note(f"{_named(one)}: {text}")
            if one.reason:
                say(f"{_named(one)}: {one.reason}")
        note(summary(job, len(made), len(items)))
    return exit_code(items)


def _named(item: Item) -> str:
    return "nothing" if item.picture is None else f"#{item.picture}"


def _row(one: RankedOut) -> tuple[object, ...]:
    return one.place, "nothing" if one.picture is None else f"#{one.picture}", f"#{one.outcome}", one.score, one.why


def _far(item: Item) -> str:
    return "" if item.cosine is None else f"{item.cosine:.3f}"
