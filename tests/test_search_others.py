"""What others like: learned from signals, kept without names, forgotten with the person, blended by held-out likes."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, insert, update

from bench.synthetic import add_pictures, unit_vectors
from indexer.collection import Collection
from indexer.config import Settings
from indexer.indexes import append_rows, new_index
from indexer.signal_tables import SignalRow
from indexer.tables import PictureRow
from indexer.transactions import bump
from search.taste import background
from search.taste.background import Others
from search.taste.blending import LEAST_JUDGED, blend_weight
from search.taste.histories import Likes
from search.taste.others import LEAST_PEOPLE, Mark, mark_of, train
from tests.homes import toy_load

PICTURES = 60


@pytest.fixture
def filled(any_collection: Collection) -> Collection:
    """Sixty made-up pictures with vectors; no signals."""
    return fill(any_collection, PICTURES)


def fill(collection: Collection, count: int) -> Collection:
    vectors = unit_vectors(count, 8, clusters=4)
    with collection.catalog.database.write() as connection:
        index = new_index(connection, "toy", "toy", 8)
        append_rows(connection, collection.settings, index, add_pictures(connection, 0, count), vectors)
        bump(connection, active_index=index.id)
    return collection


def say(collection: Collection, rows: Iterable[tuple[str, int, str]], seconds: float | None = None) -> None:
    at = datetime.now(UTC).replace(tzinfo=None)
    told = [{"user": u, "picture_id": p, "kind": k, "seconds": seconds, "at": at} for u, p, k in rows]
    with collection.catalog.database.write() as connection:
        connection.execute(insert(SignalRow), told)


def groups(people: int, *, first: int = 1, size: int = 10) -> list[tuple[str, int, str]]:
    """Likes of people of two groups, which like pictures of two tens, each all but one or two of them."""
    random = np.random.default_rng(0)
    rows = []
    for person in range(people):
        own = first + size * (person % 2)
        rows += [(f"person {person}", int(own + place), "like") for place in random.permutation(size)[: size - 2]]
    return rows


def forget(collection: Collection, user: str) -> None:
    with collection.catalog.database.write() as connection:
        connection.execute(delete(SignalRow).where(SignalRow.user == user))


def test_what_goes_with_what(filled: Collection) -> None:
    assert train(filled) is None
    say(filled, groups(12))
    model = train(filled)
    assert model is not None and model.pictures.tolist() == list(range(1, 21))
    scores = model.scores([3, 2])
    assert scores and max(scores.values()) == pytest.approx(1) and min(scores.values()) > 0
    assert {2, 3}.isdisjoint(scores)
    best = sorted(scores, key=lambda id: -scores[id])[:8]
    assert all(1 <= id <= 10 for id in best)
    assert model.scores([]) == model.scores([55, 9999, -1]) == {}
    assert model.scores([3, 2, 55]).keys() == scores.keys()
    again = train(filled)
    assert again is not None and again.scores([3, 2]) == scores


def test_what_counts_as_a_like(filled: Collection) -> None:
    """The last opinion stands, a short look says nothing, removed pictures are out; too few people, no model."""
    say(filled, groups(LEAST_PEOPLE - 1))
    say(filled, [("late", 1, "like"), ("late", 2, "like"), ("late", 2, "hide"), ("late", 3, "view")], seconds=None)
    assert train(filled) is None
    say(filled, [("late", 3, "view")], seconds=30.0)
    assert train(filled) is not None
    say(filled, [("late", 3, "dislike")])
    assert train(filled) is None
    say(filled, [("late", 3, "like")])
    assert train(filled) is not None
    with filled.catalog.database.write() as connection:
        connection.execute(update(PictureRow).where(PictureRow.id == 3).values(live=False))
    assert train(filled) is None


def test_a_forgotten_person_leaves_the_model(filled: Collection, settings: Settings) -> None:
    say(filled, groups(8))
    say(filled, [("secret name", id, "like") for id in (40, 41, 42)])
    others = Others(filled)
    first = others.refresh()
    assert first is not None and 40 in first.pictures
    kept = settings.cache / "others.npz"
    assert b"secret" not in kept.read_bytes() and b"person" not in kept.read_bytes()
    forget(filled, "secret name")
    second = others.refresh()
    assert second is not None and 40 not in second.pictures
    with np.load(kept) as file:
        assert 40 not in file["pictures"]
    for person in range(8):
        forget(filled, f"person {person}")
    assert others.refresh() is None and not kept.exists()


def test_the_cache_is_used_and_damage_is_harmless(
    filled: Collection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(filled, groups(10))
    model = Others(filled).refresh()
    assert model is not None
    trained: list[Collection] = []
    monkeypatch.setattr(background, "train", lambda one: trained.append(one) or train(one))
    again = Others(filled).refresh()
    assert again is not None and not trained
    assert again.mark == model.mark and again.blend == model.blend
    expected = model.scores([3])
    assert again.scores([3]).keys() == expected.keys()
    assert all(value == pytest.approx(expected[id], abs=1e-3) for id, value in again.scores([3]).items())
    path = settings.cache / "others.npz"
    for damage in (b"", b"junk", path.read_bytes()[:-900]):
        path.write_bytes(damage)
        assert Others(filled).refresh() is not None
    assert len(trained) == 3


def test_it_learns_again_when_enough_came(filled: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Collection] = []
    monkeypatch.setattr(background, "train", lambda one: trained.append(one) or train(one))
    say(filled, groups(10))
    others = Others(filled)
    others.refresh()
    say(filled, [("new", id, "like") for id in range(30, 49)])
    others.refresh()
    assert len(trained) == 1
    say(filled, [("new", 49, "like")])
    others.refresh()
    assert len(trained) == 2
    assert mark_of(filled).count == 101 - 1 and mark_of(filled, 5) == Mark(5, 5)


def test_it_never_makes_anybody_wait(filled: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    say(filled, groups(10))

    def slow(collection: Collection) -> Any:
        time.sleep(0.3)
        return train(collection)

    monkeypatch.setattr(background, "train", slow)
    others = Others(filled, every=0)
    started = time.perf_counter()
    assert others.model() is None
    assert others.model() is None
    assert time.perf_counter() - started < 0.25
    others.close()
    model = others.model()
    assert model is not None and model.scores([3])


def test_an_error_in_the_background_leaves_the_model_of_before(
    filled: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(filled, groups(10))
    others = Others(filled, every=0)
    model = others.refresh()

    def broken(_: Collection) -> Any:
        raise OSError("no space left")

    monkeypatch.setattr(background, "train", broken)
    say(filled, [("new", id, "like") for id in range(20, 50)])
    assert others.model() is model
    others.close()
    assert others.model() is model is not None


def test_very_many_signals_of_one_person(tmp_path: Path) -> None:
    with Collection(Settings(home=tmp_path, encoder="toy"), toy_load) as collection:
        fill(collection, 900)
        say(collection, groups(10))
        say(collection, [("busy", 1 + place % 900, "like") for place in range(5000)])
        model = train(collection)
    assert model is not None and len(model.pictures) <= 20 + 500


def likes_for(content: bool, people: int) -> tuple[Likes, Any, Any]:
    """People whose likes follow the content of pictures, or else groups that content knows nothing of."""
    random = np.random.default_rng(1)
    vectors = unit_vectors(200, 16, clusters=10)
    order = np.argsort(vectors @ vectors[0])
    ids = np.arange(200) if content else random.permutation(200)
    users, items = [], []
    for person in range(people):
        centre = vectors[random.integers(200)] if content else None
        group = np.argsort(-(vectors @ centre))[:15] if centre is not None else ids[20 * (person % 10) :][:20]
        for item in random.permutation(group)[:12]:
            users.append(person)
            items.append(int(item))
    assert len(order) == 200
    times = np.arange(len(users))
    likes = Likes(np.array(users), np.array(items), np.ones(len(users), np.float32), times, (people, 200))
    return likes, np.arange(200), lambda some: vectors[some]


def test_the_weight_follows_what_is_held_out() -> None:
    likes, ids, vectors = likes_for(content=False, people=60)
    blend = blend_weight(likes, ids, ids, vectors)
    assert blend.weight >= 0.3 and blend.people == 60
    assert blend.content is not None and blend.others is not None and blend.blended is not None
    assert blend.others > blend.content and blend.blended >= max(blend.content, blend.others)
    assert blend_weight(likes, ids, ids, vectors) == blend


def test_no_weight_for_too_few() -> None:
    likes, ids, vectors = likes_for(content=False, people=LEAST_JUDGED - 1)
    blend = blend_weight(likes, ids, ids, vectors)
    assert (blend.weight, blend.people, blend.content) == (0, LEAST_JUDGED - 1, None)


def test_no_weight_for_others_who_say_nothing() -> None:
    """Everybody likes by lot what is like one picture of their own: others know less than content does."""
    likes, ids, vectors = likes_for(content=True, people=25)
    blend = blend_weight(likes, ids, ids, vectors)
    assert blend.content is not None and blend.others is not None
    assert blend.weight <= 0.5 and blend.content > blend.others
