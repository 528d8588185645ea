"""Reads pictures that wait, embeds them and writes them down: workers decode ahead, the calling thread
runs the model, and every batch is committed whole."""

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, current_thread, main_thread

from indexer.catalog import Catalog, IndexInfo
from indexer.config import Settings
from indexer.reader import Outcome, Reader
from indexer.transactions import count_unembedded, unembedded
from indexer.types import Encoder, OnProgress, Progress, Report
from indexer.writer import Writer

_PAGE = 500
"""Files taken from the catalogue at a time: memory stays flat however many wait."""


@dataclass(frozen=True, slots=True)
class _Task:
    file_id: int
    path: Path
    has_sidecar: bool


def run(
    catalog: Catalog,
    settings: Settings,
    index: IndexInfo,
    encoder: Encoder,
    report: Report,
    *,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Embed every file that waits for `index`, counting into `report`.

    When `should_stop` turns true, or on Ctrl-C, what has been read so far is committed, and
    `report.interrupted` is set; the next run goes on from there. Raises HomeError where the disk
    can't be written; nothing half-written is left then either.
    """
    reader = Reader(catalog, settings, index.id, encoder.prepare, encoder.picture_size)
    writer = Writer(catalog, settings, index, encoder, report)
    meter = _Meter(catalog, index.id, on_progress)
    executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="read")
    with _held_signals() as stopped:
        try:
            for outcome in _read_ahead(executor, reader, _tasks(catalog, index.id), settings):
                writer.add(outcome)
                meter.step()
                if stopped.is_set() or should_stop():
                    report.interrupted = True
                    break
        except KeyboardInterrupt:  # raised by the progress shown, say
            report.interrupted = True
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
        writer.flush()
        report.interrupted |= stopped.is_set()


@contextmanager
def _held_signals() -> Iterator[Event]:
    """Within it, Ctrl-C (and whatever signal acts like it) sets the event instead of raising: an exception
    that comes while a model's library is at work leaves it unusable."""
    stopped = Event()
    if current_thread() is not main_thread():
        yield stopped  # signals are the main thread's
        return
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is signal.default_int_handler]
    for number in numbers:
        signal.signal(number, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)


def _tasks(catalog: Catalog, index: int) -> Iterator[_Task]:
    after = 0
    while True:
        with catalog.database.read() as connection:
            rows = unembedded(connection, index, after, _PAGE)
        if not rows:
            return
        for row in rows:
            yield _Task(row.id, Path(row.path), row.sidecar_ns > 0)
        after = rows[-1].id


def _read_ahead(
    executor: ThreadPoolExecutor, reader: Reader, tasks: Iterator[_Task], settings: Settings
) -> Iterator[Outcome]:
    """Outcomes in the order of the tasks, with a bounded number of files being read or waiting."""
    window: deque[Future[Outcome]] = deque()
    ahead = 2 * settings.batch_size + settings.workers
    for task in tasks:
        window.append(executor.submit(reader.read, task.file_id, task.path, task.has_sidecar))
        if len(window) >= ahead:
            yield window.popleft().result()
    while window:
        yield window.popleft().result()


class _Meter:
    """Progress with the rate of the last seconds and the time that is left at that rate."""

    def __init__(self, catalog: Catalog, index: int, on_progress: OnProgress | None) -> None:
        self.on_progress = on_progress
        self.progress = Progress("embed", 0, _waiting(catalog, index) if on_progress else None)
        self.recent: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=200)

    def step(self) -> None:
        if self.on_progress is None:
            return
        progress = self.progress
        progress.done += 1
        now = time.monotonic()
        self.recent.append((now, progress.done))
        while len(self.recent) > 2 and now - self.recent[0][0] > 10:
            self.recent.popleft()
        then, done = self.recent[0]
        progress.rate = (progress.done - done) / max(now - then, 1e-6)
        if progress.total is not None and progress.rate > 0:
            progress.eta = max(progress.total - progress.done, 0) / progress.rate
        self.on_progress(progress)


def _waiting(catalog: Catalog, index: int) -> int:
    with catalog.database.read() as connection:
        return count_unembedded(connection, index)
