"""Jobs in the catalogue: added, listed, cancelled, done again, and whose turn it is; on each kind of database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sqlalchemy import update

from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import ForbiddenError, LimitError, NotFoundError, UsageError
from tests.homes import toy_load
from tests.jobs import toy
from tuner.jobs.book import Book, Wanted
from tuner.jobs.job import seconds_left
from tuner.jobs.order import Queued, places
from tuner.jobs.rows import JOB, now
from tuner.jobs.task import Failure, Outcome, Step, Stopped
from tuner.jobs.turns import MOST_ATTEMPTS, Finished, Turns

pytestmark = pytest.mark.usefixtures("toy_operations")


@pytest.fixture
def home(any_collection: Collection, photos: Callable[..., Path]) -> Collection:
    """Five pictures, on each kind of database."""
    any_collection.index([photos("red", "blue", "green", "teal", "pink")])
    return any_collection


@pytest.fixture
def book(home: Collection) -> Book:
    return Book(home.catalog.database, home.settings)


@pytest.fixture
def turns(home: Collection) -> Turns:
    return Turns(home.catalog.database, "a", home.settings.previews)


def test_a_job_is_there_at_once_with_all_it_takes_to_do_it(home: Collection) -> None:
    woken: list[int] = []
    book = Book(home.catalog.database, home.settings, lambda: woken.append(1))
    job = book.add(Wanted("toy", (1, 2, 2), {"do": "steps", "seconds": "2"}, owner=" ann ", seed=7))
    assert (job.owner, job.state, job.place, job.total, job.done, job.eta) == ("ann", "waiting", 1, 2, 0, None)
    assert job.parameters["seconds"] == 2.0 and job.parameters["fits"] == 256, "with defaults, to be run again"
    assert [(item.position, item.picture, item.state) for item in book.items(job.id)] == [
        (0, 1, "waiting"), (1, 2, "waiting"),
    ]  # fmt: skip
    assert woken == [1]


def test_pictures_that_are_gathered_make_one_outcome(book: Book) -> None:
    job = book.add(Wanted("gather", (3, 1, 2)))
    (item,) = book.items(job.id)
    assert (item.picture, item.further, job.total) == (3, (1, 2), 1)


def test_what_cannot_be_is_refused_before_anything_is_done(book: Book) -> None:
    for wanted, error, said in (
        (Wanted("tow", (1,)), UsageError, "Did you mean to"),
        (Wanted("toy", (1,), {"secnds": 1}), UsageError, "Did you mean seconds"),
        (Wanted("toy", (1,), {"seconds": -1}), UsageError, "seconds can't be -1"),
        (Wanted("toy"), UsageError, "needs a picture"),
        (Wanted("toy", (1, 9, 2**40)), NotFoundError, "#9, #1099511627776"),
        (Wanted("toy", (1,), seed=-1), UsageError, "seed"),
        (Wanted("toy", (1,), priority=101), UsageError, "-100 to 100"),
        (Wanted("toy", (1,), owner=" "), UsageError, "no name"),
    ):
        with pytest.raises(error, match=said):
            book.add(wanted)
    assert book.jobs() == []


def test_limits_are_for_each_owner(home: Collection) -> None:
    settings = home.settings.model_copy(update={"jobs_per_owner": 2, "pictures_per_job": 3})
    book = Book(home.catalog.database, settings)
    for _ in range(2):
        last = book.add(toy(1))
    with pytest.raises(LimitError, match="PIXLOOM_JOBS_PER_OWNER"):
        book.add(toy(1))
    book.add(toy(1, owner="bob"))
    book.cancel(last.id, "ann")
    book.add(toy(1))
    with pytest.raises(UsageError, match="PIXLOOM_PICTURES_PER_JOB"):
        book.add(toy(1, 2, 3, 4, owner="cy"))


def test_jobs_are_listed_newest_first(book: Book) -> None:
    ids = [book.add(toy(1, owner=owner)).id for owner in ("ann", "bob", "ann")]
    book.cancel(ids[0], "ann")
    assert [job.id for job in book.jobs()] == ids[::-1]
    assert [job.id for job in book.jobs(owner="ann", state="waiting")] == [ids[2]]
    assert [job.id for job in book.jobs(limit=1, before=ids[2])] == [ids[1]]
    with pytest.raises(UsageError, match="choose one of waiting"):
        book.jobs(state="asleep")
    with pytest.raises(NotFoundError, match="no job 2147483648"):
        book.get(2**31)


def test_only_its_owner_can_change_a_job(book: Book) -> None:
    job = book.add(toy(1))
    for change in (book.cancel, book.resume, book.retry):
        with pytest.raises(ForbiddenError, match="belongs to ann"):
            change(job.id, "bob")
    assert book.get(job.id).state == "waiting"


def test_a_job_goes_through_its_pictures(book: Book, turns: Turns) -> None:
    job = book.add(toy(1, 2))
    preview = turns.take()
    assert preview is not None and preview.preview and preview.pictures == (1,)
    assert book.get(job.id).state == "running" and turns.take() is None
    first = turns.take(Finished(preview, Outcome(path=Path("/somewhere/job-1.webp"))))
    assert first is not None and not first.preview and first.pictures == (1,)
    turns.stands(first, Step(3, 4, "blurring"))
    now_running = book.get(job.id)
    assert (now_running.step, now_running.steps, now_running.what) == (3, 4, "blurring")
    made = Outcome(5, Path("/out/x.png"), ("well done",), 0.9, 0.8, 2.5)
    second = turns.take(Finished(first, made))
    assert second is not None and second.pictures == (2,) and book.get(job.id).eta == pytest.approx(2.5, abs=1)
    assert turns.take(Finished(second, Failure("too dark"))) is None
    job = book.get(job.id)
    assert (job.state, job.done, job.failed, job.reason) == ("done", 1, 1, "1 of 2 pictures have no outcome.")
    assert job.started_at is not None and job.ended_at is not None and job.preview == Path("/somewhere/job-1.webp")
    good, bad = book.items(job.id)
    assert (good.outcome, good.path, good.notes, good.cosine) == (5, "/out/x.png", ("well done",), 0.9)
    assert (bad.state, bad.reason) == ("failed", "too dark")


def test_a_preview_that_fails_saves_the_rest(book: Book, turns: Turns) -> None:
    job = book.add(toy(1, 2, 3))
    preview = turns.take()
    assert preview is not None and turns.take(Finished(preview, Failure("black"))) is None
    job = book.get(job.id)
    assert (job.state, job.reason) == ("failed", "black")
    assert [item.state for item in book.items(job.id)] == ["failed", "cancelled", "cancelled"]


def test_a_preview_can_be_looked_at_first(book: Book, turns: Turns) -> None:
    job = book.add(toy(1, confirm=True))
    with pytest.raises(UsageError, match="only one that has paused"):
        book.resume(job.id, "ann")
    preview = turns.take()
    assert preview is not None and turns.take(Finished(preview, Outcome(path=Path("/p.webp")))) is None
    assert book.get(job.id).state == "paused"
    assert book.resume(job.id, "ann").state == "waiting"
    task = turns.take()
    assert task is not None and not task.preview
    turns.give(Finished(task, Outcome(1)))
    assert book.get(job.id).state == "done"


def test_cancelled_jobs(book: Book, turns: Turns) -> None:
    waiting = book.add(toy(1))
    assert book.cancel(waiting.id, "ann").state == "cancelled" and turns.take() is None
    running = book.add(toy(1))
    task = turns.take()
    assert task is not None and turns.go_on(task)
    assert book.cancel(running.id, "ann").cancelling
    assert not turns.go_on(task)
    turns.give(Finished(task, Stopped()))
    job = book.get(running.id)
    assert (job.state, job.cancelling) == ("cancelled", False)
    assert book.cancel(running.id, "ann").state == "cancelled", "once more does no harm"


def test_what_failed_is_done_again(book: Book, turns: Turns) -> None:
    job = book.add(Wanted("toy", (1, 2, 3), {"fits": 9}, owner="ann", seed=5, confirm=False))
    with pytest.raises(UsageError, match="is waiting"):
        book.retry(job.id, "ann")
    last = None
    for ended in (Outcome(), Outcome(4), Failure("dark"), Outcome(4)):
        task = turns.take(last)
        assert task is not None
        last = Finished(task, ended)
    assert last is not None
    turns.give(last)
    again = book.retry(job.id, "ann")
    assert (again.retry_of, again.total, again.seed, again.parameters["fits"]) == (job.id, 1, 5, 9)
    assert [item.picture for item in book.items(again.id)] == [2]
    assert book.retry(job.id, "ann", whole=True).total == 3
    task = turns.take()
    assert task is not None
    turns.give(Finished(task, Outcome(4)))
    with pytest.raises(UsageError, match="Nothing of job"):
        book.retry(again.id, "ann")


def test_a_full_disk_ends_the_job(book: Book, turns: Turns) -> None:
    job = book.add(toy(1, 2, 3))
    preview = turns.take()
    assert preview is not None
    task = turns.take(Finished(preview, Outcome()))
    assert task is not None and turns.take(Finished(task, Failure("full", hopeless=True))) is None
    assert book.get(job.id).state == "failed" and book.retry(job.id, "ann").total == 3


def test_jobs_of_dead_workers_are_taken_over(home: Collection, book: Book, turns: Turns) -> None:
    other = Turns(home.catalog.database, "b", home.settings.previews)
    job = book.add(toy(1, 2))
    preview = turns.take()
    assert preview is not None
    first = turns.take(Finished(preview, Outcome()))
    assert first is not None
    second = turns.take(Finished(first, Outcome(1)))
    assert second is not None and other.take_over() == 0, "it lives"
    _silence(home)
    turns.beat()
    assert other.take_over() == 0, "it lives again"
    _silence(home)
    assert other.take_over() == 1
    taken = other.take()
    assert taken is not None and taken.position == second.position, "what is finished stays finished"
    turns.give(Finished(second, Failure("late")))
    assert not turns.go_on(second) and other.go_on(taken), "the first has lost it"
    other.give(Finished(taken, Outcome(2)))
    assert [item.state for item in book.items(job.id)] == ["done", "done"]


def test_an_outcome_that_kills_workers_is_given_up(home: Collection, book: Book, turns: Turns) -> None:
    job = book.add(toy(1))
    for _ in range(MOST_ATTEMPTS):
        assert turns.take() is not None
        _silence(home)
        assert turns.take_over() == 1
    assert turns.take() is None
    assert book.get(job.id).state == "failed" and "3 times" in (book.get(job.id).reason or "")


def test_a_cancelled_job_of_a_dead_worker_ends(home: Collection, book: Book, turns: Turns) -> None:
    job = book.add(toy(1))
    turns.take()
    book.cancel(job.id, "ann")
    _silence(home)
    turns.take_over()
    assert book.get(job.id).state == "cancelled"
    other = book.add(toy(1))
    task = turns.take()
    assert task is not None
    _silence(home)
    assert book.cancel(other.id, "ann").state == "cancelled", "there is nobody who could stop it"
    turns.give(Finished(task, Outcome(1)))
    assert book.items(other.id)[0].state == "cancelled"


def test_many_workers_at_once_never_take_the_same_turn(home: Collection, book: Book) -> None:
    for owner in "abc":
        book.add(toy(1, 2, 3, owner=owner))
    taken: list[tuple[int, int, bool]] = []

    def work(name: str) -> None:
        turns, last = Turns(home.catalog.database, name, home.settings.previews), None
        while task := turns.take(last):
            taken.append((task.job, task.position, task.preview))
            last = Finished(task, Outcome())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "wxyz"))
    assert len(taken) == len(set(taken)) == 12
    assert {job.state for job in book.jobs()} == {"done"}


def test_status_counts_jobs(home: Collection, book: Book, turns: Turns) -> None:
    book.add(toy(1))
    book.add(toy(2))
    turns.take()
    assert home.status()["jobs"] == {"waiting": 1, "running": 1}


def _silence(collection: Collection) -> None:
    """Workers gave no sign for a minute."""
    with collection.catalog.database.write() as connection:
        connection.execute(update(JOB).values(heartbeat=now().replace(year=2020)))


Queue = list[tuple[str, int, int]]
QUEUES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3), st.integers(-2, 2)), min_size=1, max_size=7)
"""(owner, pictures, priority) of each job."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A collection with one picture for many examples."""
    from tests.toys import picture

    folder = tmp_path_factory.mktemp("shared")
    for place, colour in enumerate(("red", "blue", "green")):
        picture(colour, (64 + place, 48)).save(folder / f"{colour}.png")
    with Collection(Settings(home=folder / "home", encoder="toy", jobs_per_owner=100), toy_load) as opened:
        opened.index([folder])
        yield opened


def _cleared(collection: Collection) -> Book:
    with collection.catalog.database.write() as connection:
        for table in ("job_item", "job"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    return Book(collection.catalog.database, collection.settings)


def _played(book: Book, turns: Turns) -> list[int]:
    """The jobs in the order of their turns, until none is left."""
    order, last = [], None
    while task := turns.take(last):
        order.append(task.job)
        last = Finished(task, Outcome())
    return order


@given_settings(max_examples=15, deadline=None)
@given(queue=QUEUES)
def test_nobody_waits_longer_than_a_turn_of_every_other_owner(shared: Collection, queue: Queue) -> None:
    book = _cleared(shared)
    turns = Turns(shared.catalog.database, "a", shared.settings.previews)
    jobs = {
        book.add(toy(*range(1, count + 1), owner=owner, priority=priority)).id: (owner, priority)
        for owner, count, priority in queue
    }
    told = {id: book.get(id).place for id in jobs}
    played = _played(book, turns)
    assert {id: played.index(id) + 1 for id in jobs} == told, "places are what comes to pass"
    owners = [jobs[id][0] for id in played]
    for owner in set(owners):
        mine = [place for place, one in enumerate(owners) if one == owner]
        for before, after in zip([-1, *mine], mine, strict=False):
            between = owners[before + 1 : after]
            assert len(between) == len(set(between)), "each of the others once at most"
        own = [id for id in played if jobs[id][0] == owner]
        assert own == sorted(own, key=lambda id: (-jobs[id][1], id)), "the larger priority first, then the older job"


def test_one_who_comes_late_is_served_soon(shared: Collection) -> None:
    book = _cleared(shared)
    turns = Turns(shared.catalog.database, "a", shared.settings.previews)
    for _ in range(30):
        book.add(toy(1, 2, 3, owner="greedy", priority=100))
    last = None
    for _ in range(5):
        task = turns.take(last)
        assert task is not None
        last = Finished(task, Outcome())
    late = book.add(toy(1, owner="late", priority=-100))
    assert late.place == 1
    task = turns.take(last)
    assert task is not None and task.owner == "late"


def test_places_count_turns() -> None:
    jobs = [Queued(1, "a", 0, 5, 9), Queued(2, "a", 0, 1, 9), Queued(3, "b", 0, 2, 4), Queued(4, "b", 1, 1, 4)]
    # b4 a1 b3 a1 b3 a1 a1 a1 a2
    assert places(jobs) == {4: 1, 1: 2, 3: 3, 2: 9}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ((0, None, None), None),
        ((3, None, 5.0), None),
        ((3, None, 5.0, 1, 2), 35.0),
        ((3, 4.0, None), 12.0),
        ((2, 4.0, 1.0), 11.0),
        ((2, 4.0, 9.0), 8.0),
        ((2, 4.0, 9.0, 3, 4), 9.0),
    ],
)
def test_time_left(given: tuple[Any, ...], left: float | None) -> None:
    assert seconds_left(*given) == left
