"""The process that outcomes are made in, as its worker has it: it keeps models loaded, and can be killed at any moment
without harm to anyone else."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Lock

from indexer.collection import Load
from indexer.config import Settings
from tuner.jobs.child import STOP, main
from tuner.jobs.task import Ended, Failure, Step, Stopped, Task

Watch = Callable[[Step], bool]
"""Called several times a second with where a task stands; False stops the task."""
GRACE = 0.3
"""Seconds that a task which was told to stop has before its process is killed."""
REST = 300.0
"""Seconds without a task after which the process, and the memory that its models take, is given back."""
_LOOK = 0.1
_KILLED = (
    "The process that worked on it was killed, most likely by the system because memory ran out: "
    "try a smaller picture, or free some memory."
)


class Process:
    """Makes outcomes in a process apart, which is started with the first task, and anew whenever it has died."""

    def __init__(self, settings: Settings, load: Load, start: str) -> None:
        """`start` is the import path, `module:name`, of a `tuner.jobs.task.Start`; `load` turns a name into an
        encoder, and is sent to the process."""
        self._given = (settings, load, start)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._link: Connection | None = None
        self._lock = Lock()
        self._used = time.monotonic()

    def run(self, task: Task, watch: Watch) -> Ended:
        """Make an outcome, however long it takes, or until `watch` says no."""
        with self._lock:
            try:
                self._send(task)
                return self._follow(watch)
            except BaseException:
                self._kill()
                raise
            finally:
                self._used = time.monotonic()

    def rest(self) -> None:
        """Give the process back where it has had nothing to do for long."""
        if time.monotonic() - self._used > REST and self._lock.acquire(blocking=False):
            try:
                self._kill()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._kill()

    def _send(self, task: Task) -> None:
        try:
            self._opened().send(task)
        except OSError:  # it died while it had nothing to do
            self._kill()
            self._opened().send(task)

    def _follow(self, watch: Watch) -> Ended:
        assert self._link is not None, "a task was sent"
        step, deadline = Step(), None
        while True:
            try:
                told = self._link.recv() if self._link.poll(_LOOK) else None
            except (EOFError, OSError):
                died = self._died()
                return died if deadline is None else Stopped()
            if isinstance(told, Step):
                step = told
            elif told is not None:
                ended: Ended = told
                return ended
            if deadline is not None:
                if time.monotonic() > deadline:
                    self._kill()
                    return Stopped()
            elif not watch(step):
                deadline = time.monotonic() + GRACE
                self._tell_to_stop()

    def _tell_to_stop(self) -> None:
        assert self._link is not None, "a task was sent"
        try:
            self._link.send(STOP)
        except OSError:
            return  # it has died, which is noticed next

    def _opened(self) -> Connection:
        if self._link is None or self._process is None or not self._process.is_alive():
            self._kill()
            # Not forked: the threads and connections of this process would be there in halves.
            context = multiprocessing.get_context("spawn")
            self._link, theirs = context.Pipe()
            self._process = context.Process(target=main, args=(theirs, *self._given), name="pixloom", daemon=True)
            self._process.start()
            theirs.close()  # so that its death is noticed at this end
        return self._link

    def _died(self) -> Failure:
        assert self._process is not None, "a task was sent"
        self._process.join(1)
        code = self._process.exitcode
        self._kill()
        if code == -signal.SIGKILL:
            return Failure(_KILLED)
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return Failure(f"The process that worked on it died ({how}): other pictures aren't affected.")

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._link is not None:
            self._link.close()
        self._process = self._link = None
