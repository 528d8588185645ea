"""Workers with real processes: what they survive, and how quickly they stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from indexer.collection import Collection
from indexer.errors import DependencyError, HomeError
from tests.homes import toy_load
from tests.jobs import START, book, ended, filled, idle_worker, toy, toy_operations, until, worker  # noqa: F401 - fixtures
from tuner.jobs.book import Book, Wanted
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker

ROOT = Path(__file__).parents[1]


def test_outcomes_are_made_and_noted(book: Book, worker: Worker, filled: Collection) -> None:  # noqa: F811
    job = book.add(toy(1, 2, owner="ann"))
    gathered = book.add(Wanted("gather", (3, 4)))
    worker.work()
    job = book.get(job.id)
    assert (job.state, job.done, job.reason) == ("done", 2, None)
    assert job.preview == filled.settings.cache / "previews" / f"job-{job.id}.webp" and job.preview.is_file()
    item = book.items(job.id)[1]
    assert (item.outcome, item.notes, item.cosine, item.ssim) == (2, ("made",), 0.9, 0.8)
    assert item.seconds is not None and item.seconds < 5
    assert book.get(gathered.id).done == 1


def test_one_bad_picture_costs_nobody_else_anything(book: Book, worker: Worker) -> None:  # noqa: F811
    cases = {
        "exit": "died (exit code 7)",
        "kill": "memory ran out",
        "fail": "The outcome is flat.",
        "bug": "Something unforeseen went wrong: ZeroDivisionError.",
    }
    ids = {do: book.add(toy(1, 2, 3, do=do, to=[2])).id for do in cases}
    worker.work()
    for do, id in ids.items():
        items = book.items(id)
        assert [item.state for item in items] == ["done", "failed", "done"], do
        assert cases[do] in (items[1].reason or "")
    assert book.get(ids["kill"]).state == "done"


def test_memory_that_runs_out(book: Book, worker: Worker, tmp_path: Path) -> None:  # noqa: F811
    trail = tmp_path / "trail"
    job = book.add(toy(1, do="memory", fits=512, trail=str(trail)))
    hopeless = book.add(toy(1, do="memory", fits=100))
    worker.work()
    assert [line.split()[3] for line in trail.read_text().splitlines()] == ["1024", "512"]
    assert book.items(job.id)[0].notes == ("Memory ran out: it was done in parts of 512 pixels.", "made")
    failed = book.get(hopeless.id)
    assert failed.state == "failed" and "not even in parts of 256 pixels" in (failed.reason or "")


def test_a_full_disk_and_a_bad_preview_end_the_job(book: Book, worker: Worker, tmp_path: Path) -> None:  # noqa: F811
    trail = tmp_path / "trail"
    full = book.add(toy(1, 2, 3, do="full", to=[2], trail=str(trail)))
    black = book.add(toy(1, 2, preview="bad", trail=str(trail)))
    worker.work()
    assert [item.state for item in book.items(full.id)] == ["done", "failed", "cancelled"]
    assert book.get(black.id).reason == "The outcome is black."
    assert [line.split()[4] for line in trail.read_text().splitlines()] == ["p", "-", "-", "p"]


def test_a_process_that_cannot_begin(filled: Collection, book: Book) -> None:  # noqa: F811
    for start, said in (("tests.job_runs:broken", "It can't begin."), ("tests.nowhere:start", "ModuleNotFoundError")):
        job = book.add(toy(1))
        made = idle_worker(filled, start)
        made.work()
        made.__exit__()
        assert said in (book.get(job.id).reason or "")


@pytest.fixture
def working(filled: Collection) -> Iterator[Worker]:  # noqa: F811
    """A worker at work, woken by its own queue."""
    with idle_worker(filled) as made:
        yield made


@pytest.mark.parametrize("do", ["steps", "spin"])
def test_a_job_stops_within_a_second_in_the_middle_of_a_step(book: Book, working: Worker, do: str) -> None:  # noqa: F811
    job = book.add(toy(1, 2, do=do, seconds=50))
    until(book, job.id, lambda job: job.step > 0)
    asked = time.monotonic()
    book.cancel(job.id, "ann")
    assert ended(book, job.id).state == "cancelled"
    assert time.monotonic() - asked < 1.0
    again = book.add(toy(3))
    assert ended(book, again.id).state == "done", "the worker goes on"


def test_steps_and_time_left_can_be_watched(book: Book, working: Worker) -> None:  # noqa: F811
    job = book.add(toy(1, seconds=4))
    seen = until(book, job.id, lambda job: job.step > 20)
    assert seen.steps == 80 and seen.what == "sleeping" and seen.eta is not None and 0 < seen.eta < 10


def test_a_worker_that_stops_loses_nothing(filled: Collection, book: Book, tmp_path: Path) -> None:  # noqa: F811
    trail = tmp_path / "trail"
    job = book.add(toy(1, 2, seconds=1.5, trail=str(trail)))
    with idle_worker(filled):
        until(book, job.id, lambda job: job.done == 1 and job.step > 0)
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 3
    assert book.get(job.id).state == "waiting"
    with idle_worker(filled):
        assert ended(book, job.id).done == 2
    assert [line.split()[2] for line in trail.read_text().splitlines()] == ["0", "0", "1", "1"], "the first only once"


SCRIPT = """
import sys, time
from pathlib import Path
from indexer.collection import Collection
from indexer.config import Settings
from tests.homes import toy_load
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker
settings = Settings(home=Path(sys.argv[1]), encoder="toy")
with Collection(settings, toy_load) as collection:
    with Worker(
        collection.catalog.database, settings, Queue(settings), load=toy_load, start="tests.job_runs:start", lease=1.0
    ):
        time.sleep(60)
"""


def spawned(home: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(home)], cwd=ROOT)


def test_killed_workers_are_survived(filled: Collection, tmp_path: Path) -> None:  # noqa: F811
    settings, trail = filled.settings, tmp_path / "trail"
    queue = Queue(settings)
    book = Book(filled.catalog.database, settings, queue.wake)  # noqa: F811
    first = spawned(settings.home)
    job = book.add(toy(1, 2, 3, seconds=1.5, trail=str(trail)))
    until(book, job.id, lambda job: job.done == 1 and job.step > 0, 60)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert book.get(job.id).state == "running", "nobody knows yet"
    second = spawned(settings.home)
    try:
        job = ended(book, job.id, 60)
    finally:
        second.kill()
        second.wait()
    queue.close()
    assert (job.state, job.done) == ("done", 3)
    lines = [line.split()[2] for line in trail.read_text().splitlines()]
    assert lines == ["0", "0", "1", "1", "2"], "what was finished is not done again"
    assert any("taken over" in told for _, told in job.log)


def test_the_process_dies_with_its_worker(filled: Collection) -> None:  # noqa: F811
    settings = filled.settings
    book = Book(filled.catalog.database, settings, Queue(settings).wake)  # noqa: F811
    job = book.add(toy(1, do="spin", seconds=50))
    process = spawned(settings.home)
    until(book, job.id, lambda job: job.step > 0, 60)
    children = _descendants(process.pid)
    assert children
    process.kill()
    process.wait()
    end = time.monotonic() + 5
    while any(_alive(pid) for pid in children):
        assert time.monotonic() < end, "a process was left behind"
        time.sleep(0.05)


def test_two_workers_never_make_the_same_outcome(filled: Collection, book: Book, tmp_path: Path) -> None:  # noqa: F811
    trail = tmp_path / "trail"
    jobs = [book.add(toy(1, 2, 3, owner=owner, trail=str(trail))) for owner in "abc"]
    workers = [idle_worker(filled) for _ in range(2)]
    threads = [Thread(target=one.work) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for one in workers:
        one.__exit__()
    lines = trail.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 12 and all(book.get(job.id).done == 3 for job in jobs)


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [("nonsense", HomeError, "PIXLOOM_QUEUE_URL"), ("redis://127.0.0.1:x", (HomeError, DependencyError), "redis|REDIS|QUEUE")],
)
def test_addresses_of_queues(filled: Collection, url: str, error: type[Exception], said: str) -> None:  # noqa: F811
    with pytest.raises(error, match=said):
        Queue(filled.settings.model_copy(update={"queue_url": url}))


def test_a_queue_that_fails_is_no_reason_to_refuse_a_job(
    filled: Collection, caplog: pytest.LogCaptureFixture  # noqa: F811
) -> None:
    queue = Queue(filled.settings)
    queue.close()
    (filled.settings.home / "queue.db").unlink()
    (filled.settings.home / "queue.db").mkdir()
    Book(filled.catalog.database, filled.settings, queue.wake).add(toy(1))
    assert "doesn't answer" in caplog.text


def _descendants(pid: int) -> list[int]:
    """Of a process on Linux; none elsewhere."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [int(row[0]) for row in rows if row[1] == str(pid) and "spawn_main" in row[2]]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
