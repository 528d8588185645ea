"""Fixtures of jobs: a collection with pictures, toy operations, workers with real processes."""

import time
from collections.abc import Callable

import pytest

from indexer.collection import Collection
from indexer.config import Settings
from tests.toys import any_toy
from tuner.jobs.book import Book, Wanted
from tuner.jobs.job import Job
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker
from tuner.operations import MODULES

START = "tests.job_runs:start"


@pytest.fixture(autouse=True)
def toy_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """`toy`, and `gather`, which makes one outcome of several pictures."""
    monkeypatch.setitem(MODULES, "toy", "tests.job_runs")
    monkeypatch.setitem(MODULES, "gather", "tests.job_gathering")


def idle_worker(collection: Collection, start: str = START, only: int | None = None) -> Worker:
    """A worker that isn't at work yet; with `only`, of one job."""
    settings: Settings = collection.settings
    queue = Queue(settings.model_copy(update={"queue_url": "memory://"}))
    return Worker(collection.catalog.database, settings, queue, load=any_toy, start=start, only=only)


def toy(*pictures: int, owner: str = "ann", priority: int = 0, confirm: bool = False, **parameters: object) -> Wanted:
    """A job of the toy operation."""
    return Wanted("toy", pictures, parameters, owner=owner, priority=priority, confirm=confirm)


def until(book: Book, id: int, holds: Callable[[Job], bool], seconds: float = 30.0) -> Job:
    """The job once that holds of it."""
    end = time.monotonic() + seconds
    while not holds(job := book.get(id)):
        assert time.monotonic() < end, job
        time.sleep(0.02)
    return job


def ended(book: Book, id: int, seconds: float = 30.0) -> Job:
    """The job once it has ended."""
    return until(book, id, lambda job: job.ended, seconds)
