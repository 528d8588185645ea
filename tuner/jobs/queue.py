"""The queue through which workers learn that there is something to do, by huey: in a file of the home folder, or in
Redis where `queue_url` names a server. It carries wake-ups only; what is to be done, and whose turn it is, stands in
the catalogue, so nothing is lost with the queue."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from huey import Huey, MemoryHuey, RedisHuey, SqliteHuey
from huey.consumer import Consumer
from huey.exceptions import ConfigurationError

from indexer.config import Settings
from indexer.errors import DependencyError, HomeError

_LOG = logging.getLogger(__name__)
_NAME = "pixloom"
_PATIENCE = 5.0
"""Seconds that what is under way may take to stop."""
_POLL = {"initial_delay": 0.05, "max_delay": 0.25}
"""Seconds between looks into a queue that can't be waited at."""


def _sqlite(settings: Settings) -> Huey:
    return SqliteHuey(_NAME, filename=str(settings.home / "queue.db"), results=False)


def _redis(settings: Settings) -> Huey:
    try:
        return RedisHuey(_NAME, url=settings.queue_url, results=False)
    except ConfigurationError as error:
        raise DependencyError("A queue in Redis needs the package redis: `pip install redis`.") from error


def _memory(settings: Settings) -> Huey:
    return MemoryHuey(_NAME, results=False)


BACKENDS: dict[str, Callable[[Settings], Huey]] = {
    "sqlite": _sqlite,
    "redis": _redis,
    "rediss": _redis,
    "memory": _memory,
}
"""Scheme of `queue_url` -> what opens the queue. One in memory is for a single process, such as a test."""


class Queue:
    """One end of the queue, or both. Close it when done."""

    def __init__(self, settings: Settings) -> None:
        """Open it; HomeError for an address that is none, DependencyError where a package is missing."""
        scheme = urlsplit(settings.queue_url).scheme if settings.queue_url else "sqlite"
        if scheme not in BACKENDS:
            raise HomeError(
                "PIXLOOM_QUEUE_URL is no address of a queue: write redis://HOST:6379, or leave it out for a file in "
                "the home folder."
            )
        try:
            self._huey = BACKENDS[scheme](settings)
        except (OSError, ValueError, sqlite3.Error) as error:
            raise HomeError(f"The queue of jobs can't be opened: {error}. Check PIXLOOM_QUEUE_URL.") from error
        self._work: Callable[[], object] = lambda: None
        self._wake = self._huey.task(name="work")(self._run)

    def wake(self) -> None:
        """Tell a worker that there is something to do. It finds out by itself, if later, where that fails."""
        try:
            self._wake()
        except Exception:  # of whatever library the queue is made of
            _LOG.exception("The queue of jobs doesn't answer")

    @contextmanager
    def listening(self, work: Callable[[], object]) -> Iterator[None]:
        """Within it, `work` is called in a thread of its own for every wake-up, one at a time."""
        self._work = work
        consumer = Consumer(self._huey, periodic=False, shutdown_timeout=_PATIENCE, **_POLL)
        # Started thread by thread: `Consumer.start` would take the signals of the process that this is a part of.
        for thread in (consumer.scheduler, *(thread for _, thread in consumer.worker_threads)):
            thread.start()
        try:
            yield
        finally:
            consumer.stop(graceful=True)

    def close(self) -> None:
        """Give its connections back."""
        self._huey.storage.close()

    def _run(self) -> None:
        self._work()
