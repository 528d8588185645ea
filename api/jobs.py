"""Jobs over the network: what is asked for there becomes a job, and whoever follows one hears of every change."""

import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import anyio

from api.job_schemas import JobIn, JobWhole
from indexer.errors import NotFoundError, UsageError
from search.engine import Engine
from tuner.jobs.book import Book, Wanted
from tuner.operations import get_operation
from tuner.references import settled
from tuner.selection import found_by

_BETWEEN_LOOKS = 0.3
"""Seconds in which a change is heard of."""
_BETWEEN_SIGNS = 10.0
"""Seconds between signs of life, where nothing changes: what lies in between closes connections that are silent."""


def wanted(engine: Engine, asked: JobIn) -> Wanted:
    """The job that a request asks for, its query answered; UsageError where it names a file of this machine."""
    operation = get_operation(asked.operation)
    # What comes over the network must not read this machine's disk.
    parameters = settled(operation, asked.parameters, engine.collection.settings, files=False)
    return Wanted(
        asked.operation,
        _pictures(engine, asked),
        parameters,
        owner=asked.user,
        seed=asked.seed,
        count=asked.count,
        priority=asked.priority,
        confirm=asked.confirm,
        confirm_rights=asked.confirm_rights,
    )


async def events(book: Book, id: int, stopping: Callable[[], bool]) -> AsyncIterator[str]:
    """Server-sent events: the job as it stands, whole, now and after every change, until it has ended or the server
    is `stopping`."""
    last, said = "", time.monotonic()
    while not stopping():
        try:
            job = await anyio.to_thread.run_sync(partial(JobWhole.read, book, id))
        except NotFoundError:
            return
        told = job.model_dump_json(exclude={"eta"})  # which is another at every moment
        if told != last:
            last, said = told, time.monotonic()
            yield f"event: job\ndata: {job.model_dump_json()}\n\n"
        elif time.monotonic() - said > _BETWEEN_SIGNS:
            said = time.monotonic()
            yield ": it goes on\n\n"
        if job.ended_at is not None:
            return
        await anyio.sleep(_BETWEEN_LOOKS)


def _pictures(engine: Engine, asked: JobIn) -> list[int]:
    if asked.query is None:
        return asked.pictures or []
    if asked.pictures is not None:
        raise UsageError("A job has either pictures or a query that finds them.")
    found = found_by(engine, asked.query, asked.k, local_files=False)
    if not found:
        raise UsageError(f"Nothing in the collection matches {asked.query!r}: there is nothing to do.")
    return found
