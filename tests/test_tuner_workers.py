"""Workers with real processes: what they survive, and how quickly they stop."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import DependencyError, HomeError
from tests.jobs import ended, idle_worker, toy, until
from tests.toys import any_toy, picture
from tuner.jobs.book import Book, Wanted
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.usefixtures("toy_operations")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A collection of five pictures, #1 to #5, for all of these tests: processes take long to start."""
    folder = tmp_path_factory.mktemp("workers")
    for place, colour in enumerate(("red", "blue", "green", "teal", "pink")):
        picture(colour, (64 + place, 48)).save(folder / f"{colour}.png")
    with Collection(Settings(home=folder / "home", encoder="toy"), any_toy) as opened:
        opened.index([folder])
        yield opened


@pytest.fixture(scope="module")
def worker(filled: Collection) -> Iterator[Worker]:
    """A worker that works only when it is told to: `worker.work()`."""
    made = idle_worker(filled)
    yield made
    made.__exit__()


@pytest.fixture
def book(filled: Collection) -> Book:
    return Book(filled.catalog.database, filled.settings)


def test_outcomes_are_made_and_noted(book: Book, worker: Worker, filled: Collection) -> None:
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


def test_one_bad_picture_costs_nobody_else_anything(book: Book, worker: Worker) -> None:
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


def test_memory_that_runs_out(book: Book, worker: Worker, tmp_path: Path) -> None:
    trail = tmp_path / "trail"
    job = book.add(toy(1, do="memory", fits=512, trail=str(trail)))
    hopeless = book.add(toy(1, do="memory", fits=100))
    worker.work()
    assert [line.split()[3] for line in trail.read_text().splitlines()] == ["1024", "512"]
    assert book.items(job.id)[0].notes == ("Memory ran out: it was done in parts of 512 pixels.", "made")
    failed = book.get(hopeless.id)
    assert failed.state == "failed" and "not even in parts of 256 pixels" in (failed.reason or "")


def test_a_full_disk_and_a_bad_preview_end_the_job(book: Book, worker: Worker, tmp_path: Path) -> None:
    trail = tmp_path / "trail"
    full = book.add(toy(1, 2, 3, do="full", to=[2], trail=str(trail)))
    black = book.add(toy(1, 2, preview="bad", trail=str(trail)))
    worker.work()
    assert [item.state for item in book.items(full.id)] == ["done", "failed", "cancelled"]
    assert book.get(black.id).reason == "The outcome is black."
    assert [line.split()[4] for line in trail.read_text().splitlines()] == ["p", "-", "-", "p"]


def test_a_process_that_cannot_begin(filled: Collection, book: Book) -> None:
    job = book.add(toy(1))
    made = idle_worker(filled, "tests.job_runs:broken")
    made.work()
    made.__exit__()
    assert book.get(job.id).reason == "It can't begin."


@pytest.fixture
def working(filled: Collection) -> Iterator[Worker]:
    """A worker at work, woken by its own queue."""
    with idle_worker(filled) as made:
        yield made


def test_a_job_stops_within_a_second_in_the_middle_of_a_step(book: Book, working: Worker) -> None:
    for do, pictures in (("steps", (1, 2)), ("spin", (1,))):
        job = book.add(toy(*pictures, do=do, seconds=50))
        until(book, job.id, lambda job: job.step > 0)
        asked = time.monotonic()
        book.cancel(job.id, "ann")
        assert ended(book, job.id).state == "cancelled"
        assert time.monotonic() - asked < 1.0
    again = book.add(toy(3, seconds=2))
    seen = until(book, again.id, lambda job: job.step > 20)
    assert seen.steps == 40 and seen.what == "sleeping" and seen.eta is not None and 0 < seen.eta < 5
    assert ended(book, again.id).state == "done", "the worker goes on"


def test_a_worker_that_stops_loses_nothing(filled: Collection, book: Book, tmp_path: Path) -> None:
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
from tests.toys import any_toy
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker
settings = Settings(home=Path(sys.argv[1]), encoder="toy")
with Collection(settings, any_toy) as collection:
    with Worker(
        collection.catalog.database, settings, Queue(settings), load=any_toy, start="tests.job_runs:start", lease=1.0
    ):
        time.sleep(60)
"""


def spawned(home: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(home)], cwd=ROOT)


def test_killed_workers_are_survived(filled: Collection, tmp_path: Path) -> None:
    settings, trail = filled.settings, tmp_path / "trail"
    queue = Queue(settings)
    book = Book(filled.catalog.database, settings, queue.wake)
    first = spawned(settings.home)
    job = book.add(toy(1, 2, 3, do="spin", to=[2], seconds=3, trail=str(trail)))
    until(book, job.id, lambda job: job.done == 1 and job.step > 0, 60)
    first.kill()
    first.wait()
    assert book.get(job.id).state == "running", "nobody knows yet"
    process = int(trail.read_text().split()[-1])
    limit = time.monotonic() + 2
    while _alive(process):
        assert time.monotonic() < limit, "its process, busy as it is, was left behind"
        time.sleep(0.05)
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


def test_addresses_of_queues(filled: Collection) -> None:
    for url in ("nonsense", "redis://127.0.0.1:x"):
        with pytest.raises((HomeError, DependencyError), match=r"QUEUE_URL|pip install redis"):
            Queue(filled.settings.model_copy(update={"queue_url": url}))


def test_a_queue_that_fails_is_no_reason_to_refuse_a_job(
    filled: Collection, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    settings = filled.settings.model_copy(update={"home": tmp_path})
    queue = Queue(settings)
    queue.close()
    (settings.home / "queue.db").unlink()
    (settings.home / "queue.db").mkdir()
    Book(filled.catalog.database, filled.settings, queue.wake).add(toy(1))
    assert "doesn't answer" in caplog.text


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # one that is dead may stand in the table until somebody asks for it
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_worker_of_one_job_leaves_the_others_alone(filled: Collection, book: Book) -> None:
    first, mine = book.add(toy(1, owner="ann")), book.add(toy(2, owner="bob"))
    with idle_worker(filled, only=mine.id):
        assert ended(book, mine.id).state == "done"
    assert book.get(first.id).state == "waiting"
    book.cancel(first.id, "ann")
