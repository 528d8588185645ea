"""Reads pictures that wait, embeds them and writes them down: workers decode ahead, the calling thread
runs the model, and every batch is committed whole."""

import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, current_thread, main_thread

from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.indexes import check_stored, feature_sets
from indexer.meter import Meter
from indexer.project import project
from indexer.reader import Outcome, Reader
from indexer.records import IndexInfo
from indexer.transactions import count_unembedded, unembedded
from indexer.types import Encoder, OnProgress, Report
from indexer.writer import Writer

_PAGE = 500
"""Files taken from the catalogue at a time: memory stays flat however many wait."""
TurnOf = Callable[[Callable[[], bool]], AbstractContextManager[bool]]
"""Makes a `Turn` of what says whether the user has stopped the run."""


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
    turn: TurnOf = lambda _: nullcontext(True),
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Embed every file that waits for `index`, counting into `report`: from kept features where there are some,
    otherwise from the picture.

    When `should_stop` turns true, or on Ctrl-C, what has been read so far is committed, and
    `report.interrupted` is set; the next run goes on from there. `turn` is asked for before each commit by a
    caller that doesn't hold the write lock all the time. Raises HomeError where the disk can't be written;
    nothing half-written is left then either.
    """
    with held_signals() as stopped:

        def stop() -> bool:
            return stopped.is_set() or should_stop()

        check_stored(settings, index)
        _check_features(catalog, settings, encoder)
        my_turn = partial(turn, stop)
        try:
            project(catalog, settings, index, encoder, report, my_turn, on_progress=on_progress, should_stop=stop)
        except KeyboardInterrupt:  # raised by the progress shown, say
            report.interrupted = True
        if not report.interrupted:
            _read(
                catalog,
                settings,
                encoder,
                Writer(catalog, settings, index, encoder, report, my_turn),
                on_progress,
                stop,
            )
        report.interrupted |= stopped.is_set()


def _read(
    catalog: Catalog,
    settings: Settings,
    encoder: Encoder,
    writer: Writer,
    on_progress: OnProgress | None,
    stop: Callable[[], bool],
) -> None:
    """Read what still waits, with workers ahead of the model."""
    reader = Reader(catalog, settings, writer.index, encoder)
    tower = encoder.tower.fingerprint if encoder.tower else None
    meter = Meter("embed", waiting(catalog, writer.index.id, tower) if on_progress else None, on_progress)
    executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="read")
    try:
        for outcome in _read_ahead(executor, reader, _tasks(catalog, writer.index.id, tower), settings):
            writer.add(outcome)
            meter.step()
            if stop():
                writer.report.interrupted = True
                break
    except KeyboardInterrupt:
        writer.report.interrupted = True
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    writer.flush()


def waiting(catalog: Catalog, index: int | None, tower: str | None = None) -> int:
    """How many files are to be read for an index, counting those without features of a tower where it is given."""
    with catalog.database.read() as connection:
        return count_unembedded(connection, index, tower)


def _check_features(catalog: Catalog, settings: Settings, encoder: Encoder) -> None:
    if encoder.tower is not None:
        with catalog.database.read() as connection:
            sets = feature_sets(connection, encoder.tower)
        for kept in sets:
            check_stored(settings, kept)


@contextmanager
def held_signals() -> Iterator[Event]:
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


def _tasks(catalog: Catalog, index: int, tower: str | None) -> Iterator[_Task]:
    after = 0
    while True:
        with catalog.database.read() as connection:
            rows = unembedded(connection, index, after, _PAGE, tower)
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
