"""What runs in the process that outcomes are made in: one task after another, until the worker is gone."""

import gc
import importlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock, Thread

from indexer.collection import Collection, Load
from indexer.config import Settings
from indexer.errors import CapacityError, DiskFullError, PixloomError, StoppedError
from tuner.jobs.task import SMALLEST_TILE, Ended, Failure, Outcome, Report, Run, Step, Stopped, Task

STOP = "stop"
"""What the worker sends while a task runs that is no longer wanted."""
_BETWEEN_STEPS = 0.1
"""Seconds; what is said more often is left out."""
_LOG = logging.getLogger(__name__)
_OUT_OF_MEMORY = ("out of memory", "insufficient memory", "can't allocate memory", "cannot allocate memory")


def main(link: Connection, settings: Settings, load: Load, start: str) -> None:
    """Make outcomes of the tasks that come through `link`, and send back steps and how each ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends this process
    Thread(target=_die_with_parent, daemon=True).start()
    _go_first_when_memory_runs_out()
    with _Runs(settings, load, start) as runs:
        while (task := _next(link)) is not None:
            ended = runs.make(task, _Linked(link))
            with suppress(OSError):
                link.send(ended)


class _Runs:
    """The collection and what makes outcomes, opened with the first task: what goes wrong then is told of it."""

    def __init__(self, settings: Settings, load: Load, start: str) -> None:
        self.settings, self.load, self.start = settings, load, start
        self.collection: Collection | None = None
        self.run: Run | None = None

    def __enter__(self) -> "_Runs":
        return self

    def __exit__(self, *_: object) -> None:
        if self.collection is not None:
            self.collection.close()

    def make(self, task: Task, report: Report) -> Ended:
        """How the task ended; nothing is raised."""
        try:
            run = self._opened()
            started = time.monotonic()
            outcome = made(run, task, report)
        except StoppedError:
            return Stopped()
        except PixloomError as error:
            return Failure(str(error), hopeless=isinstance(error, DiskFullError))
        except Exception as error:
            _LOG.exception("Job %s, outcome %s", task.job, task.position)
            return Failure(f"Something unforeseen went wrong: {type(error).__name__}.")
        return outcome if outcome.seconds is not None else replace(outcome, seconds=time.monotonic() - started)

    def _opened(self) -> Run:
        if self.run is None:
            module, _, name = self.start.partition(":")
            begin = getattr(importlib.import_module(module), name)
            self.collection = self.collection or Collection(self.settings, self.load)
            self.run = begin(self.collection)
        assert self.run is not None, "it was just made"
        return self.run


def made(run: Run, task: Task, report: Report) -> Outcome:
    """The outcome of a task: where memory runs out, in parts of half the size, down to SMALLEST_TILE; CapacityError
    where it doesn't fit even so."""
    notes: list[str] = []
    while True:
        with _memory_watched() as watched:
            outcome = run(task, report)
        if not watched.ran_out:
            return replace(outcome, notes=(*notes, *outcome.notes))
        gc.collect()
        if task.tile <= SMALLEST_TILE:
            raise CapacityError(
                f"It doesn't fit into this machine's memory, not even in parts of {task.tile} pixels: "
                "choose a smaller picture or a lighter method, or free some memory."
            )
        task = replace(task, tile=task.tile // 2)
        notes.append(f"Memory ran out: it was done in parts of {task.tile} pixels.")


class _Watched:
    """Whether memory ran out."""

    ran_out = False


@contextmanager
def _memory_watched() -> Iterator[_Watched]:
    watched = _Watched()
    try:
        yield watched
    except Exception as error:
        if not isinstance(error, MemoryError) and not any(said in str(error).lower() for said in _OUT_OF_MEMORY):
            raise
        watched.ran_out = True  # the error, and with it all that its frames hold, is let go


class _Linked:
    """Says through the link where a task stands, and hears there whether it shall stop."""

    def __init__(self, link: Connection) -> None:
        self._link, self._lock = link, Lock()
        self._said, self._what, self._stopped = 0.0, "", False

    def step(self, done: int, total: int, what: str = "") -> None:
        """Say it, unless something of the kind was said just now."""
        now = time.monotonic()
        with self._lock:
            if now - self._said >= _BETWEEN_STEPS or what != self._what or done >= total > 0:
                self._said, self._what = now, what
                self._link.send(Step(done, total, what))

    def stopped(self) -> bool:
        """Whether the worker has said so."""
        with self._lock:
            while not self._stopped and self._link.poll():
                self._stopped = self._link.recv() == STOP
        return self._stopped


def _next(link: Connection) -> Task | None:
    """The next task; None where the worker is gone. A stop that came too late for the one before is passed over."""
    while True:
        try:
            told = link.recv()
        except (EOFError, OSError):
            return None
        if isinstance(told, Task):
            return told


def _die_with_parent() -> None:
    # What nobody waits for would be made a second time by the worker that takes the job over.
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _go_first_when_memory_runs_out() -> None:
    # Linux: rather than the server, and whatever else the user runs.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
