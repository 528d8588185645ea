"""Jobs that make several candidates of the same pictures, or of none."""

import pytest

from indexer.collection import Collection
from indexer.errors import UsageError
from tuner.jobs.book import MOST_CANDIDATES, Book, Wanted
from tuner.jobs.rows import SEEDS
from tuner.jobs.task import Failure, Outcome, Task
from tuner.jobs.turns import Finished, Turns


@pytest.fixture
def book(any_collection: Collection) -> Book:
    return Book(any_collection.catalog.database, any_collection.settings)


@pytest.fixture
def turns(any_collection: Collection) -> Turns:
    return Turns(any_collection.catalog.database, "a worker", any_collection.settings.previews)


def wanted(count: int, seed: int = 0, prompt: str = "a dog") -> Wanted:
    return Wanted("generate", (), {"prompt": prompt}, owner="ann", seed=seed, count=count)


def all_turns(turns: Turns, failing: frozenset[int] = frozenset()) -> list[Task]:
    """The tasks of all turns; those at the positions `failing` fail."""
    tasks: list[Task] = []
    last = None
    while task := turns.take(last):
        tasks.append(task)
        last = Finished(task, Failure("No.") if task.position in failing else Outcome())
    return tasks


def test_each_candidate_has_the_next_seed(book: Book, turns: Turns) -> None:
    job = book.add(wanted(3, seed=SEEDS - 2))
    assert job.total == 3
    tasks = all_turns(turns)
    assert [task.seed for task in tasks] == [SEEDS - 2, SEEDS - 1, 0] == [item.seed for item in book.items(job.id)]
    assert all(task.pictures == () and not task.preview for task in tasks)
    assert book.get(job.id).state == "done"


def test_what_failed_is_done_again_with_its_own_seed(book: Book, turns: Turns) -> None:
    job = book.add(wanted(4, seed=10))
    all_turns(turns, failing=frozenset([1, 3]))
    again = book.retry(job.id, "ann")
    assert [item.seed for item in book.items(again.id)] == [11, 13]
    assert [task.seed for task in all_turns(turns)] == [11, 13]
    whole = book.retry(job.id, "ann", whole=True)
    assert [task.seed for task in all_turns(turns)] == [10, 11, 12, 13] and book.get(whole.id).done == 4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (wanted(0), "ask for 1 to 64"),
        (wanted(MOST_CANDIDATES + 1), "ask for 1 to 64"),
        (wanted(1, seed=SEEDS), "The seed is"),
        (wanted(1, prompt="  "), "generate needs a prompt"),
        (Wanted("generate", (1,), {"prompt": "a dog"}), "takes no picture"),
        (Wanted("restyle", (), {"prompt": "a dog"}), "needs a picture"),
        (Wanted("tone", (1,), {}, count=2), "makes the same each time"),
    ],
)
def test_what_can_not_be_asked(any_collection: Collection, book: Book, asked: Wanted, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        book.add(asked)
    assert book.jobs() == []


def test_as_many_as_a_job_may_have(any_collection: Collection) -> None:
    settings = any_collection.settings.model_copy(update={"pictures_per_job": 10})
    book = Book(any_collection.catalog.database, settings)
    assert book.add(wanted(10)).total == 10
    with pytest.raises(UsageError, match="11 pictures are too many"):
        book.add(wanted(11))
