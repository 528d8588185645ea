"""Signals and what they come to, on both kinds of database."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from indexer.signal_tables import InterestRow, PersonRow, SignalRow, StandingRow
from search.taste.signals import Signals, user_name
from search.taste.standing import RECENT, Standing, Standings, weights_of
from search.taste.standings import KINDS, OPINIONS, POSITIVE
from search.taste.steering import store_setting
from tests.tastes import fill, kinds


def signals_of(collection: Collection) -> Signals:
    fill(collection, kinds())
    return Signals(collection.catalog.database)


def standing(collection: Collection, user: str = "ann") -> Standing:
    return Standings(collection.catalog.database).of(user)


def test_likes_dislikes_and_hides_stand_by_the_last(any_collection: Collection) -> None:
    signals = signals_of(any_collection)
    for picture, told in {1: "like dislike", 2: "dislike like", 3: "like hide", 4: "hide like"}.items():
        for kind in told.split():
            signals.add("ann", picture, kind)
    signals.add("ann", 5, "view", 30)
    signals.add("ann", 6, "view", 1)
    signals.add("ann", 1, "view", 300)
    now = standing(any_collection)
    assert now.liked.tolist() == [6, 5, 4, 2] and now.disliked.tolist() == [1] and now.hidden.tolist() == [3]
    assert now.seen.tolist() == [1, 2, 3, 4, 5, 6]
    assert np.allclose(now.weights, [0.1, 0.4, 1, 1], atol=1e-3)
    assert standing(any_collection, "nobody").seen.tolist() == []


def test_undo_brings_back_what_stood_before(any_collection: Collection) -> None:
    signals = signals_of(any_collection)
    signals.add("ann", 1, "view", 20)
    signals.add("ann", 1, "like")
    signals.add("ann", 1, "dislike")
    signals.add("ann", 2, "like")
    assert signals.undo("ann", 1).kind == "dislike"
    assert standing(any_collection).liked.tolist() == [2, 1]
    assert signals.undo("ann").picture == 2
    assert standing(any_collection).seen.tolist() == [1]
    assert signals.undo("ann", 1, "like").kind == "like"
    assert np.allclose(standing(any_collection).weights, [0.4])
    assert signals.undo("ann", kind="view").seconds == 20
    for wrong in ({}, {"picture": 1}, {"kind": "hide"}, {"picture": 10**30}):
        with pytest.raises(NotFoundError, match="taken back"):
            signals.undo("ann", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("picture", [0, -1, 100_000, 2**31, 10**30])
def test_unknown_pictures_are_refused(any_collection: Collection, picture: int) -> None:
    signals = signals_of(any_collection)
    with pytest.raises(NotFoundError, match="no picture"):
        signals.add("ann", picture, "like")
    assert signals.export("ann")["signals"] == []


def test_pictures_deleted_later_keep_their_signals(any_collection: Collection) -> None:
    signals = signals_of(any_collection)
    signals.add("ann", 1, "like")
    any_collection.catalog.remove(1)
    with pytest.raises(NotFoundError):
        signals.add("ann", 1, "like")
    assert len(signals.export("ann")["signals"]) == 1
    assert signals.undo("ann", 1).picture == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 257, "a\nb", "a\x00b", "\x1b[2J", "\ud800"])
def test_bad_names_are_refused(collection: Collection, name: str) -> None:
    signals = signals_of(collection)
    for ask in (lambda: signals.add(name, 1, "like"), lambda: signals.export(name), lambda: signals.forget(name)):
        with pytest.raises(UsageError, match=r"name"):
            ask()


def test_names_are_trimmed_and_may_be_of_any_script(any_collection: Collection) -> None:
    signals = signals_of(any_collection)
    assert user_name(" Zoë ") == "Zoë" and user_name("x" * 256) == "x" * 256
    signals.add("  Ζωή 🦊 O'Brien; -- ", 1, "like")
    assert [one["picture"] for one in signals.export("Ζωή 🦊 O'Brien; --")["signals"]] == [1]


@pytest.mark.parametrize(
    "kind, seconds", [("love", None), ("like", 3.0), ("view", -1.0), ("view", float("nan")), ("view", 1e9)]
)
def test_odd_signals_are_refused(collection: Collection, kind: str, seconds: float | None) -> None:
    with pytest.raises(UsageError):
        signals_of(collection).add("ann", 1, kind, seconds)


def test_export_and_forget_are_complete(any_collection: Collection) -> None:
    signals = signals_of(any_collection)
    signals.add("ann", 1, "like")
    signals.add("ann", 2, "view", 4.5)
    signals.add("bob", 1, "hide")
    store_setting(any_collection.catalog.database, "ann", 1, 2.0, False)
    told = json.loads(json.dumps(signals.export("ann")))
    assert [(one["picture"], one["kind"], one["seconds"]) for one in told["signals"]] == [
        (1, "like", None),
        (2, "view", 4.5),
    ]
    assert [(one["picture"], one["weight"]) for one in told["interests"]] == [(1, 2.0)]
    assert datetime.fromisoformat(told["signals"][0]["at"]).utcoffset() == timedelta(0)
    assert signals.forget("ann") == 2 and signals.forget("ann") == 0
    assert signals.export("ann") == {"user": "ann", "signals": [], "interests": [], "not_counted": []}
    with any_collection.catalog.database.read() as connection:
        for table in (SignalRow, StandingRow, InterestRow, PersonRow):
            assert set(connection.scalars(select(table.user))) <= {"bob"}, table
    assert standing(any_collection, "bob").hidden.tolist() == [1]


def test_someone_forgotten_begins_anew_even_for_those_who_remember(any_collection: Collection) -> None:
    signals, kept = signals_of(any_collection), Standings(any_collection.catalog.database)
    signals.add("ann", 1, "like")
    assert kept.of("ann").liked.tolist() == [1]
    signals.forget("ann")
    assert kept.of("ann").liked.tolist() == []
    signals.add("ann", 2, "like")
    assert kept.of("ann").seen.tolist() == [2]


Step = st.tuples(st.sampled_from([*KINDS, "undo", "undo that"]), st.integers(1, 4))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(Step, max_size=25), st.data())
def test_standings_are_those_of_a_plain_replay(collection: Collection, steps: list[Any], data: st.DataObject) -> None:
    if collection.catalog.state().index is None:
        fill(collection, kinds())
    signals, kept = Signals(collection.catalog.database), Standings(collection.catalog.database)
    signals.forget("ann")
    history: list[tuple[str, int]] = []
    for kind, picture in steps:
        if kind.startswith("undo"):
            that = [place for place, (_, one) in enumerate(history) if kind == "undo" or one == picture]
            if not that:
                continue
            signals.undo("ann", picture if kind == "undo that" else None)
            history.pop(that[-1])
        else:
            signals.add("ann", picture, kind)
            history.append((kind, picture))
        if data.draw(st.booleans()):
            kept.of("ann")  # what is kept in memory must not go astray on the way
    last = {picture: [kind for kind, one in history if one == picture] for picture in range(1, 5)}
    stands: dict[int, str] = {}
    for picture, done in last.items():
        if opinions := [kind for kind in done if kind in OPINIONS]:
            stands[picture] = opinions[-1]
        elif done:
            stands[picture] = min(done, key=KINDS.index)
    for now in (kept.of("ann"), standing(collection)):
        assert sorted(now.liked.tolist()) == [one for one, kind in stands.items() if kind in POSITIVE]
        assert sorted(now.disliked.tolist()) == [one for one, kind in stands.items() if kind == "dislike"]
        assert now.hidden.tolist() == [one for one, kind in stands.items() if kind == "hide"]
        assert now.seen.tolist() == list(stands)


def test_older_signals_say_less(any_collection: Collection) -> None:
    signals_of(any_collection)
    rows = [
        {"user": "ann", "picture_id": picture, "kind": "like", "seconds": None, "counts": True, "signal_id": picture}
        | {"at": datetime(2026, 1, 1) + timedelta(days=day)}
        for picture, day in ((1, 0), (2, 30), (3, 60))
    ]
    with any_collection.catalog.database.write() as connection:
        connection.execute(insert(StandingRow), rows)
        assert np.allclose(weights_of(connection.execute(select(StandingRow.__table__)).all()), [0.25, 0.5, 1])


def test_many_people_at_once(any_collection: Collection) -> None:
    signals = signals_of(any_collection)

    def act(number: int) -> None:
        signals.add(f"user {number % 3}", number + 1, "like")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(60)))
    assert sorted(standing(any_collection, "user 1").liked.tolist()) == list(range(2, 61, 3))


def test_a_thousand_signals_of_one_picture_are_one(any_collection: Collection) -> None:
    signals = signals_of(any_collection)
    rows = [{"user": "ann", "picture_id": 1, "kind": "view", "seconds": 1.0, "at": datetime(2026, 1, 1)}] * 1000
    with any_collection.catalog.database.write() as connection:
        connection.execute(insert(SignalRow), rows)
    for picture in range(1, 60):
        signals.add("ann", picture, "like")
    signals.undo("ann", 1)
    now = standing(any_collection)
    assert len(now.liked) == 59 and 1 in now.liked and len(now.liked) <= sum(RECENT.values())
    started = time.perf_counter()
    signals.add("ann", 2, "like")
    assert time.perf_counter() - started < 0.5
