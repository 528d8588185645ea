"""`pixloom jobs`."""

from typing import Annotated

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import duration, note, print_json, say, table
from api.job_schemas import JobOut, JobWhole
from indexer.collection import Collection
from indexer.errors import UsageError
from tuner.jobs.book import ANYONE, Book
from tuner.jobs.job import Item, Job
from tuner.jobs.queue import Queue

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def jobs(
    context: typer.Context,
    id: Annotated[int | None, typer.Argument(metavar="[ID]", help="The number of one job.", show_default=False)] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop it; what is done stays.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Do again what failed or was cancelled, in a new job.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on after a look at its preview.")] = False,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Whose it is; in the list: only theirs.")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only those that are waiting, running, paused, done, ...")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, metavar="N", help="How many to list.")] = 20,
    json: Json = False,
    home: Home = None,
) -> int:
    """List jobs, newest first; say of one how far it is and what became of each picture, or change it.

    Only its owner can change a job. Exit code 1 means that it failed, or some of its pictures did.
    """
    changes = [name for name, wanted in (("cancel", cancel), ("retry", retry), ("resume", resume)) if wanted]
    if len(changes) > 1 or (changes and id is None):
        raise UsageError("Name one job, and one of --cancel, --retry and --resume.")
    with opened(context, home) as collection:
        if id is None:
            return _list(_book(collection), user, state, limit, json)
        if not changes:
            return _show(_book(collection), id, json)
        return _change(collection, changes[0], id, user or ANYONE, json)


def _book(collection: Collection) -> Book:
    return Book(collection.catalog.database, collection.settings)


def _list(book: Book, user: str | None, state: str | None, limit: int, json: bool) -> int:
    found = book.jobs(owner=user, state=state, limit=limit)
    if json:
        print_json({"jobs": [JobOut.of(job).model_dump(mode="json") for job in found]})
    elif found:
        rows = [(job.id, job.owner, job.operation, _stands(job), _far(job), job.reason or "") for job in found]
        table(("job", "user", "operation", "state", "pictures", ""), rows)
    else:
        say("There are no jobs.")
    return 0


def _show(book: Book, id: int, json: bool) -> int:
    job = book.get(id)
    if json:
        print_json(JobWhole.read(book, id).model_dump(mode="json"))
    else:
        say(f"Job {job.id}: {job.operation} for {job.owner}, {_stands(job)}, {_far(job)} pictures")
        if job.reason:
            say(job.reason)
        for at, told in job.log:
            say(f"  {at}  {told}")
        rows = [(_named(item), item.state, _made(item), item.reason or " ".join(item.notes)) for item in book.items(id)]
        table(("picture", "state", "outcome", ""), rows)
        if job.preview:
            note(f"Its preview is {job.preview}.")
        if job.state == "paused":
            note(f"It waits for its owner: `pixloom jobs {id} --resume` or --cancel.")
    return 1 if job.state == "failed" or job.failed else 0


def _change(collection: Collection, how: str, id: int, owner: str, json: bool) -> int:
    queue = Queue(collection.settings)
    book = Book(collection.catalog.database, collection.settings, queue.wake)
    try:
        job = {"cancel": book.cancel, "retry": book.retry, "resume": book.resume}[how](id, owner)
    finally:
        queue.close()
    if json:
        print_json(JobOut.of(job).model_dump(mode="json"))
    else:
        say(f"Job {job.id} is {'about to stop' if job.cancelling else job.state}.")
    return 0


def _stands(job: Job) -> str:
    if job.place is not None:
        return f"waiting (place {job.place})"
    if job.state != "running":
        return job.state
    step = f", {job.what or 'step'} {job.step}/{job.steps}" if job.steps else ""
    left = f", {duration(job.eta)} left" if job.eta is not None else ""
    return f"running{step}{left}"


def _far(job: Job) -> str:
    failed = f", {job.failed} failed" if job.failed else ""
    return f"{job.done} of {job.total}{failed}"


def _named(item: Item) -> str:
    return " ".join(f"#{id}" for id in (item.picture, *item.further) if id is not None)


def _made(item: Item) -> str:
    return f"#{item.outcome}" if item.outcome is not None else item.path or ""
