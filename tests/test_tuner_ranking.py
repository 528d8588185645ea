"""The candidates of a job, ranked over a collection of made-up vectors: kind 0 is red, 1 green, 2 blue."""

from collections.abc import Sequence

import numpy as np
import pytest

from indexer.collection import Collection
from search.engine import Engine
from search.taste.signals import Signals
from search.taste.tastes import Tastes
from tests.tastes import EACH, fill, kinds
from tuner.jobs.book import Book, Wanted
from tuner.jobs.task import Outcome
from tuner.jobs.turns import Finished, Turns
from tuner.ranking import ranking

RED, GREEN, BLUE = (kind * EACH + 1 for kind in range(3))


@pytest.fixture
def filled(collection: Collection) -> Collection:
    fill(collection, kinds())
    return collection


def made(collection: Collection, wanted: Wanted, outcomes: Sequence[int]) -> tuple[Book, int]:
    """A job, done, whose outcomes are pictures of the collection."""
    book = Book(collection.catalog.database, collection.settings)
    turns = Turns(collection.catalog.database, "a worker", collection.settings.previews)
    id, last = book.add(wanted).id, None
    while task := turns.take(last):
        last = Finished(task, Outcome(outcomes[task.position]))
    return book, id


def ranked(collection: Collection, wanted: Wanted, outcomes: Sequence[int], tastes: bool = False) -> list[int]:
    book, id = made(collection, wanted, outcomes)
    engine = Engine(collection)
    found = ranking(engine, book.get(id), book.items(id), Tastes(engine) if tastes else None)
    return [one.outcome for one in found]


def test_what_shows_the_prompt_comes_first(filled: Collection) -> None:
    wanted = Wanted("generate", (), {"prompt": "red"}, owner="ann", count=3)
    assert ranked(filled, wanted, [BLUE, RED, GREEN])[0] == RED


def test_of_equals_the_one_to_the_owners_taste(filled: Collection) -> None:
    signals = Signals(filled.catalog.database)
    for place in range(8):
        signals.add("ann", BLUE + 1 + place, "like")
    wanted = Wanted("generate", (), {"prompt": "purple"}, owner="ann", count=2)
    book, id = made(filled, wanted, [GREEN, BLUE])
    engine = Engine(filled)
    by_taste = ranking(engine, book.get(id), book.items(id), Tastes(engine))
    parts = {one.outcome: one.parts for one in by_taste}
    assert parts[BLUE]["taste"] > 0.3 > parts[GREEN]["taste"] and "aesthetic" not in parts[BLUE]
    assert "aesthetic" in ranking(engine, book.get(id), book.items(id))[0].parts


def test_what_stays_near_its_parent_is_told(filled: Collection) -> None:
    wanted = Wanted("variations", (RED,), {}, owner="ann", count=2)
    book, id = made(filled, wanted, [BLUE, RED + 1])
    best = ranking(Engine(filled), book.get(id), book.items(id))
    assert best[0].outcome == RED + 1 and best[0].why.startswith("stays nearer to its parent")
    vectors = kinds()
    cosine = float(vectors[RED - 1] @ vectors[RED])
    assert best[0].parts["likeness"] == pytest.approx(cosine, abs=1e-3) and "text" not in best[0].parts


def test_each_picture_has_candidates_of_its_own(filled: Collection) -> None:
    wanted = Wanted("restyle", (RED, BLUE), {"prompt": "green"}, owner="ann", count=2)
    assert ranked(filled, wanted, [RED + 1, GREEN, GREEN + 1, BLUE + 1]) != []
    book, id = made(filled, wanted, [RED + 1, GREEN, GREEN + 1, BLUE + 1])
    found = ranking(Engine(filled), book.get(id), book.items(id))
    parents = {item.outcome: item.picture for item in book.items(id)}
    assert [parents[one.outcome] for one in found] == [RED, RED, BLUE, BLUE]
    assert np.allclose([found[0].score + found[1].score, found[2].score + found[3].score], 0, atol=1e-3)


def test_what_came_out_twice_is_ranked_once(filled: Collection) -> None:
    wanted = Wanted("generate", (), {"prompt": "red"}, owner="ann", count=3)
    assert sorted(ranked(filled, wanted, [RED, RED, GREEN])) == [RED, GREEN]


def test_nothing_is_ranked_that_is_always_the_same(filled: Collection) -> None:
    assert ranked(filled, Wanted("tone", (RED,), {}, owner="ann"), [RED + 1]) == []
