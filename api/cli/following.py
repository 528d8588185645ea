"""A job that a command asks for, worked on while it waits."""

import time
from collections.abc import Sequence
from typing import Any

import typer

from api.cli.output import duration
from api.cli.progress import shown
from indexer.collection import Collection
from indexer.encoders import load_encoder
from indexer.job_tables import DONE
from indexer.types import OnProgress, Progress
from tuner.jobs.book import Book, Wanted
from tuner.jobs.job import Item, Job
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker

_LOOK = 0.1
"""Seconds between two looks at where the job stands."""
_BLOCKED = 2


def worked(context: typer.Context, collection: Collection, wanted: Wanted) -> tuple[Job, list[Item]]:
    """Add a job, work on it, and show how far it is, until it has ended. Ctrl-C cancels it; what is done stays."""
    queue = Queue(collection.settings)
    database, settings = collection.catalog.database, collection.settings
    book = Book(database, settings, queue.wake)
    job = book.add(wanted)
    with shown() as on_progress, Worker(database, settings, queue, load=context.obj or load_encoder, only=job.id):
        try:
            job = _followed(book, job, on_progress)
        except KeyboardInterrupt:
            book.cancel(job.id, wanted.owner)
            raise
    return job, book.items(job.id)


def exit_code(items: Sequence[Item]) -> int:
    """0 where all is done, 1 where some failed, 2 where all did."""
    made = sum(item.state == DONE for item in items)
    return 0 if made == len(items) else 1 if made else _BLOCKED


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


def summary(job: Job, made: int, total: int) -> str | None:
    """A line at the end: how long it took, or what isn't done."""
    took = (job.ended_at - job.started_at).total_seconds() if job.ended_at and job.started_at else None
    if made == total:
        return f"Done in {duration(took)}; `pixloom edits` shows how each was made." if took is not None else None
    reason = f": {job.reason}" if job.reason else "."
    return f"Job {job.id} is {job.state}, {made} of {total} done{reason}"


def as_dict(item: Item) -> dict[str, Any]:
    """One outcome as `--json` tells it."""
    return {
        "picture": item.picture,
        "seed": item.seed,
        "state": item.state,
        "outcome": item.outcome,
        "path": item.path,
        "seconds": item.seconds,
        "cosine": item.cosine,
        "ssim": item.ssim,
        "notes": list(item.notes),
        "reason": item.reason,
    }
