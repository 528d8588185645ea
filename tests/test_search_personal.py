"""A search ranked for one person."""

import numpy as np
import pytest

from indexer.collection import Collection
from indexer.errors import UsageError
from search.engine import Engine
from search.taste.personal import BOUND, personal
from search.taste.signals import Signals
from search.taste.tastes import Tastes
from tests.tastes import EACH, KINDS, fill, kind_of, kinds
from tests.toys import ToyEncoder


@pytest.fixture
def engine(collection: Collection) -> Engine:
    """Kinds of pictures, of which the first two, red and green, also come mixed."""
    vectors = kinds()
    random = np.random.default_rng(1)
    mixed = vectors[:EACH] + vectors[EACH : 2 * EACH] * random.uniform(0.3, 1.2, (EACH, 1)).astype(np.float32)
    vectors[-EACH:] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    fill(collection, vectors)
    return Engine(collection)


def found(engine: Engine, user: str | None, query: str = "red", **options: bool) -> list[int]:
    ranking = personal(Tastes(engine), user)
    return [one.id for one in engine.search(query, k=60, ranking=ranking, **options).results]


def test_someone_without_signals_gets_the_ordinary_ranking(engine: Engine) -> None:
    assert found(engine, "nobody") == found(engine, None)
    assert found(engine, "nobody", show_all=True) == found(engine, None, show_all=True)


def test_taste_moves_matches_within_a_bound_and_brings_nothing_in(engine: Engine) -> None:
    signals = Signals(engine.collection.catalog.database)
    plain = engine.search("red", k=240)
    for id in range(EACH + 1, EACH + 6):
        signals.add("green", id, "like")
        signals.add("not green", id, "dislike")
    tastes = Tastes(engine)
    likes = engine.search("red", k=240, ranking=personal(tastes, "green"))
    dislikes = engine.search("red", k=240, ranking=personal(tastes, "not green"))
    same = {one.id: (one.score, one.verdict) for one in plain.results}
    assert all({one.id: (one.score, one.verdict) for one in page.results} == same for page in (likes, dislikes))
    places = [
        np.mean([place for place, one in enumerate(page.results) if kind_of(one.id) == KINDS - 1])
        for page in (likes, plain, dislikes)
    ]
    assert places[0] < places[1] < places[2]
    vectors = np.stack([engine.snapshot().vector(id) for id in range(1, KINDS * EACH + 1)])  # type: ignore[union-attr]
    spread = float(np.std(vectors @ ToyEncoder().encode_texts(["red"])[0]))
    for page in (likes, dislikes):
        scores = [one.score for one in page.results]
        assert max(max(scores[place:]) - score for place, score in enumerate(scores)) <= BOUND * spread + 1e-5


def test_hidden_pictures_stay_out_and_pages_stay_full(engine: Engine) -> None:
    signals = Signals(engine.collection.catalog.database)
    best = found(engine, None)[:10]
    for id in best:
        signals.add("ann", id, "hide")
    expected = [id for id in found(engine, None) if id not in best]
    assert found(engine, "ann")[: len(expected)] == expected
    shown = engine.search("red", k=30, ranking=personal(Tastes(engine), "ann")).results
    assert len(shown) == 30
    assert not set(best) & set(found(engine, "ann", show_all=True))


def test_a_bad_name_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="name"):
        personal(Tastes(engine), " ")
    assert personal(Tastes(engine), None) is None
