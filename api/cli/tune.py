"""`pixloom tune`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import duration, note, print_json, say, table
from api.cli.progress import shown
from api.cli.similar import named
from api.parameters import named_values
from indexer.collection import Collection
from indexer.encoders import load_encoder
from indexer.errors import NotFoundError, UsageError
from indexer.job_tables import DONE
from indexer.types import OnProgress, Progress
from search.engine import Engine
from tuner.jobs.book import ANYONE, Book, Wanted
from tuner.jobs.job import Item, Job
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker
from tuner.operations import get_operation, read_parameters
from tuner.references import settled
from tuner.selection import found_by

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_LOOK = 0.1
"""Seconds between two looks at where the job stands."""
_BLOCKED = 2


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
        queue = Queue(collection.settings)
        database, settings = collection.catalog.database, collection.settings
        book = Book(database, settings, queue.wake)
        wanted = Wanted(
            operation, ids, given, user, seed, confirm_rights=confirm_rights, folder=out.absolute() if out else None
        )
        job = book.add(wanted)
        with shown() as on_progress, Worker(database, settings, queue, load=context.obj or load_encoder, only=job.id):
            try:
                job = _followed(book, job, on_progress)
            except KeyboardInterrupt:
                book.cancel(job.id, user)
                raise
        items = book.items(job.id)
    return _told(job, items, as_json=json)


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
        report = collection.index(files={str(path.parent): {path.name}})
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


def _followed(book: Book, job: Job, on_progress: OnProgress) -> Job:
    """The job once it has ended."""
    while not job.ended:
        what = f"{job.operation}: {job.what}" if job.what else job.operation
        several = job.total > 1
        done, total = (job.done + job.failed, job.total) if several else (job.step, job.steps or None)
        on_progress(Progress(job.operation if several else what, done, total, eta=job.eta))
        time.sleep(_LOOK)
        job = book.get(job.id)
    return job


def _told(job: Job, items: Sequence[Item], *, as_json: bool) -> int:
    made = [item for item in items if item.state == DONE]
    if as_json:
        print_json(
            {"job": job.id, "state": job.state, "reason": job.reason, "results": [_as_dict(one) for one in items]}
        )
    else:
        if made:
            rows = [(f"#{one.picture}", f"#{one.outcome}", _far(one), one.path or "") for one in made]
            table(("picture", "outcome", "likeness", "path"), rows)
        for one in items:
            for told in one.notes:
                note(f"#{one.picture}: {told}")
            if one.reason:
                say(f"#{one.picture}: {one.reason}")
        note(_summary(job, len(made), len(items)))
    return 0 if len(made) == len(items) else 1 if made else _BLOCKED


def _summary(job: Job, made: int, total: int) -> str | None:
    took = (job.ended_at - job.started_at).total_seconds() if job.ended_at and job.started_at else None
    if made == total:
        return f"Done in {duration(took)}; `pixloom edits` shows how each was made." if took is not None else None
    reason = f": {job.reason}" if job.reason else "."
    return f"Job {job.id} is {job.state}, {made} of {total} done{reason}"


def _far(item: Item) -> str:
    return "" if item.cosine is None else f"{item.cosine:.3f}"


def _as_dict(item: Item) -> dict[str, Any]:
    return {
        "picture": item.picture,
        "state": item.state,
        "outcome": item.outcome,
        "path": item.path,
        "seconds": item.seconds,
        "cosine": item.cosine,
        "ssim": item.ssim,
        "notes": list(item.notes),
        "reason": item.reason,
    }
