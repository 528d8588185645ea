"""A worker: takes turns, has their outcomes made in a process apart, and says that it lives."""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from threading import Event, Lock, Thread

from indexer.collection import Load
from indexer.config import Settings
from indexer.database import Database
from indexer.encoders import load_encoder
from indexer.errors import HomeError
from tuner.jobs.process import Process, Watch
from tuner.jobs.queue import Queue
from tuner.jobs.task import Ended, Failure, Step, Task
from tuner.jobs.turns import LEASE, Finished, Turns

START = "tuner.tune:start"
"""What makes outcomes."""
_LOG = logging.getLogger(__name__)
_BETWEEN_LOOKS = 0.1
"""Seconds in which a cancelled job is noticed."""
_BETWEEN_NOTES = 0.5
_AGAIN = 0.5
"""Seconds after which a catalogue that couldn't be written is tried again."""


class Worker:
    """Works on jobs within `with`, in threads of its own; several may work on one home, in any process."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        queue: Queue,
        *,
        load: Load = load_encoder,
        start: str = START,
        lease: float = LEASE,
        only: int | None = None,
    ) -> None:
        """`start` is the import path of a `tuner.jobs.task.Start`; `lease` the seconds after which a worker without a
        sign of life is taken for dead, of which a living one gives five in that time. With `only` it works on
        that one job."""
        name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._turns = Turns(database, name[-256:], settings.previews, lease, only)
        self._process = Process(settings, load, start)
        self._queue, self._beat = queue, lease / 5
        self._stopping, self._busy, self._held = Event(), Lock(), ExitStack()

    def __enter__(self) -> "Worker":
        """Begin to work."""
        living = Thread(target=self._live, name="jobs", daemon=True)
        living.start()
        self._held.callback(living.join)
        self._held.enter_context(self._queue.listening(self.work))
        self._queue.wake()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; what is worked on is begun again by the next worker."""
        self._stopping.set()
        self._held.close()
        self._process.close()

    def work(self) -> None:
        """Take turns until there is none left, or the worker is to stop."""
        with self._busy:
            last: Finished | None = None
            while task := self._next(last):
                last = Finished(task, self._made(task))

    def _made(self, task: Task) -> Ended:
        try:
            return self._process.run(task, self._watch(task))
        except Exception as error:  # such as that no process can be started: it must not keep the job for ever
            _LOG.exception("Job %s, outcome %s", task.job, task.position)
            return Failure(f"Something unforeseen went wrong: {type(error).__name__}.")

    def _next(self, last: Finished | None) -> Task | None:
        if not self._stopping.is_set():
            return self._surely(lambda: self._turns.take(last))
        if last is not None:
            self._surely(lambda: self._turns.give(last))
        return None

    def _surely(self, write: Callable[[], Task | None]) -> Task | None:
        """Write however long others keep the catalogue: an outcome that isn't noted would be made a second time."""
        while True:
            try:
                return write()
            except HomeError as error:
                _LOG.warning("Jobs wait: %s", error)
                if self._stopping.wait(_AGAIN):
                    return None

    def _watch(self, task: Task) -> Watch:
        looked = noted = time.monotonic()
        shown = Step()

        def watch(step: Step) -> bool:
            nonlocal looked, noted, shown
            now = time.monotonic()
            if self._stopping.is_set():
                return False
            try:
                if step != shown == Step():
                    self._turns.began(task)
                if step != shown and now - noted >= _BETWEEN_NOTES:
                    noted, shown = now, step
                    self._turns.stands(task, step)
                if now - looked >= _BETWEEN_LOOKS:
                    looked = now
                    return self._turns.go_on(task)
            except HomeError as error:  # for the moment; the outcome is being made all the same
                _LOG.warning("Where job %s stands can't be noted: %s", task.job, error)
            return True

        return watch

    def _live(self) -> None:
        """Give signs of life, look after workers that give none, and see to it that no job is forgotten."""
        while True:
            with suppress(HomeError):
                if self._busy.locked():
                    self._turns.beat()
                self._turns.take_over()
                if not self._busy.locked() and self._turns.waiting():
                    self._queue.wake()
            self._process.rest()
            if self._stopping.wait(self._beat):
                return
