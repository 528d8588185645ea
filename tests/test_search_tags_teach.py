"""Tags taught in a collection: labels, pictures, new pictures, other models, contradictions, stops."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import insert, select, update

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders.cache import QueryCache
from indexer.errors import EncoderError, NotFoundError, UsageError
from indexer.rebuild import rebuild
from indexer.tables import PictureRow
from indexer.tag_tables import TAUGHT, TYPED, PictureTagRow, TagLabelRow, TagProbeRow, TagRow
from search.engine import Engine
from search.snapshot import Snapshot
from search.tags import teach as module
from search.tags.labels import Clicks
from search.tags.rows import tag_ids
from search.tags.teach import bring_up_to_date, teach
from tests.homes import toy_load
from tests.test_indexer_switch import change
from tests.toys import COLOURS, any_toy

MAIN = ("red", "green", "blue", "yellow", "cyan", "brown")


def mixed(folder: Path, colours: tuple[str, ...] = MAIN, each: int = 10, start: int = 0) -> Path:
    """Pictures of a main colour with a part of another, `red-3.png`: no two have the same vector."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([start, len(colours)])
    for colour in colours:
        for number in range(start, start + each):
            pixels = np.full((16, 16, 3), COLOURS[colour], np.uint8)
            other = COLOURS[str(random.choice([name for name in COLOURS if name not in MAIN]))]
            pixels[: random.integers(2, 7), : random.integers(4, 16)] = other
            Image.fromarray(pixels).save(folder / f"{colour}-{number}.png")
    return folder


@pytest.fixture
def opened(settings: Settings, database_url: str | None) -> Iterator[Collection]:
    """An empty collection over several toys, once on each kind of database."""
    with Collection(settings.model_copy(update={"database_url": database_url}), any_toy) as collection:
        yield collection


@pytest.fixture
def reds(collection: Collection, tmp_path: Path) -> Collection:
    """Sixty pictures of six colours, on SQLite."""
    collection.index([mixed(tmp_path / "photos")])
    return collection


def ids(collection: Collection, colour: str = "") -> list[int]:
    newest = collection.catalog.newest(1000)
    paths = collection.catalog.paths(newest)
    return sorted(id for id in newest if Path(paths[id]).stem.startswith(colour))


def given(collection: Collection, name: str, source: str = TAUGHT) -> dict[int, float]:
    rows = select(PictureTagRow.picture_id, PictureTagRow.probability).join(TagRow, TagRow.id == PictureTagRow.tag_id)
    with collection.catalog.database.read() as connection:
        found = connection.execute(rows.where(TagRow.name == name, PictureTagRow.source == source))
        return {row.picture_id: row.probability for row in found}


def probe(collection: Collection, name: str) -> tuple[str, bytes, datetime]:
    rows = select(TagProbeRow.fingerprint, TagProbeRow.weights, TagProbeRow.trained_at)
    with collection.catalog.database.read() as connection:
        row = connection.execute(rows.join(TagRow, TagRow.id == TagProbeRow.tag_id).where(TagRow.name == name)).one()
    return tuple(row)  # type: ignore[return-value]


def now(collection: Collection) -> Snapshot:
    snapshot = Engine(collection).snapshot()
    assert snapshot is not None
    return snapshot


def test_a_handful_of_clicks_finds_the_others(opened: Collection, tmp_path: Path) -> None:
    opened.index([mixed(tmp_path / "photos")])
    red, green = ids(opened, "red"), ids(opened, "green")
    told = teach(Engine(opened), "warm things", Clicks(tuple(red[:4]), tuple(green[:3])))
    assert (told.tag, told.yes, told.no, told.threshold) == ("warm things", tuple(red[:4]), tuple(green[:3]), 0.6)
    assert set(given(opened, "warm things")) == set(red) and told.pictures == 10
    assert all(given(opened, "warm things")[id] == 1 for id in red[:4])
    assert told.precision is not None and 0.6 <= told.precision <= 1
    assert {id for id, _ in told.best[:6]} == set(red[4:]), "labelled ones aside"
    assert [p for _, p in told.best] == sorted((p for _, p in told.best), reverse=True)
    labelled = {*told.yes, *told.no}
    assert len(told.next) == len(set(told.next)) == 8 and not labelled & set(told.next)
    again = teach(Engine(opened), "Warm_Things")
    assert replace(again, took_ms=0) == replace(told, took_ms=0)


def test_without_clicks_nothing_is_written(reds: Collection) -> None:
    told = teach(Engine(reds), "red")
    assert (told.yes, told.no, told.pictures, told.precision) == ((), (), 0, None)
    assert {id for id, _ in told.best} == set(ids(reds, "red")), "what the name alone finds"
    with reds.catalog.database.read() as connection:
        assert connection.execute(select(TagRow.id)).all() == []
    with reds.catalog.database.write() as connection:  # nor where labels were given by hand, and nothing was taught
        (tag,) = tag_ids(connection, [("red", None)]).values()
        label = {"tag_id": tag, "picture_id": ids(reds, "red")[0], "positive": True, "at": datetime(2026, 1, 1)}
        connection.execute(insert(TagLabelRow).values(**label))
    assert teach(Engine(reds), "red").yes == (ids(reds, "red")[0],)
    assert bring_up_to_date(reds, now(reds)) == 0 and given(reds, "red") == {}


def test_an_empty_collection(collection: Collection) -> None:
    told = teach(Engine(collection), "red")
    assert (told.pictures, told.best, told.next) == (0, (), ())
    with pytest.raises(NotFoundError, match="Nothing is indexed"):
        teach(Engine(collection), "red", Clicks((1,)))


def test_labels_add_up_and_the_later_holds(opened: Collection, tmp_path: Path) -> None:
    opened.index([mixed(tmp_path / "photos")])
    engine, red, blue = Engine(opened), ids(opened, "red"), ids(opened, "blue")
    teach(engine, "t", Clicks(tuple(red[:2])))
    told = teach(engine, "t", Clicks((), (red[2],)))
    assert (told.yes, told.no) == (tuple(red[:2]), (red[2],))
    assert red[2] not in given(opened, "t") and red[1] in given(opened, "t")
    told = teach(engine, "t", Clicks((red[2], blue[0]), (red[1],)))
    assert (told.yes, told.no) == (tuple(sorted((red[0], red[2], blue[0]))), (red[1],))
    assert red[1] not in given(opened, "t") and {red[2], blue[0]} <= given(opened, "t").keys()
    told = teach(engine, "t", Clicks((), (), (blue[0], red[1])))
    assert (told.yes, told.no) == ((red[0], red[2]), ())
    told = teach(engine, "t", Clicks((), (), (red[0], red[2])))
    assert (told.yes, told.pictures, given(opened, "t")) == ((), 0, {})


def test_no_alone_gives_the_tag_to_nobody(reds: Collection) -> None:
    told = teach(Engine(reds), "red", Clicks((), tuple(ids(reds, "blue")[:2])))
    assert (told.pictures, given(reds, "red")) == (0, {})
    assert set(told.next) <= set(ids(reds, "red")), "the likeliest, until there is a yes"


@pytest.mark.parametrize(
    ("clicks", "error", "told"),
    [
        (Clicks((1, 2, 3), (3, 2)), UsageError, "#2, #3 can't be in both yes and no"),
        (Clicks((1,), (), (1,)), UsageError, "#1 can't be in both yes and forget"),
        (Clicks((1, 999)), NotFoundError, "no picture #999"),
        (Clicks((), (0, -5, 2**40)), NotFoundError, "no picture #-5, #0, #1099511627776"),
        (Clicks((1,), (), (2,)), NotFoundError, "#2 has no label of 'x' to forget"),
    ],
)
def test_a_refusal_changes_nothing(reds: Collection, clicks: Clicks, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        teach(Engine(reds), "x", clicks)
    with reds.catalog.database.read() as connection:
        assert connection.execute(select(TagRow.id)).all() == connection.execute(select(TagLabelRow)).all() == []


@pytest.mark.parametrize("name", ["", "  _ ", "x" * 300])
def test_names_that_are_none(reds: Collection, name: str) -> None:
    with pytest.raises(UsageError, match="tag"):
        teach(Engine(reds), name, Clicks((1,)))


@pytest.mark.parametrize("name", ["Straße", "犬", "a/b", "'; DROP TABLE tag;--", "naïve", "🦊", "x" * 256, "%_"])
def test_odd_names(reds: Collection, name: str) -> None:
    red = ids(reds, "red")
    assert teach(Engine(reds), name, Clicks(tuple(red[:3]))).pictures >= 3
    assert teach(Engine(reds), name.upper()).yes == tuple(red[:3])


def test_merged_and_forbidden_tags(opened: Collection, tmp_path: Path) -> None:
    opened.index([mixed(tmp_path / "photos")])
    engine, red, green = Engine(opened), ids(opened, "red"), ids(opened, "green")
    teach(engine, "crimson", Clicks(tuple(red[:2]), (green[0],)))
    with opened.catalog.database.write() as connection:
        found = tag_ids(connection, [("crimson", None), ("red", None), ("scarlet", None)])
        for name, into in (("scarlet", "crimson"), ("crimson", "red")):
            merged = update(TagRow).where(TagRow.id == found[name]).values(merged_into=found[into])
            connection.execute(merged)
    assert bring_up_to_date(opened, now(opened)) == 2, "the old tag lost its probe, the other got one"
    assert given(opened, "crimson") == {} and set(given(opened, "red")) == set(red)
    told = teach(engine, "scarlet", Clicks((red[2],), (red[1],)))
    assert (told.tag, told.yes, told.no) == ("red", (red[0], red[2]), (green[0], red[1]))
    with opened.catalog.database.write() as connection:
        connection.execute(update(TagRow).where(TagRow.name == "red").values(forbidden=True))
    with pytest.raises(UsageError, match=r"'red' is forbidden.*pixloom tag allow"):
        teach(engine, "crimson", Clicks((red[3],)))
    assert bring_up_to_date(opened, now(opened)) == 0


def test_new_pictures_get_it_as_they_come(opened: Collection, tmp_path: Path) -> None:
    root = mixed(tmp_path / "photos")
    opened.index([root])
    red = ids(opened, "red")
    teach(Engine(opened), "t", Clicks(tuple(red[:4]), tuple(ids(opened, "green")[:2])))
    first = probe(opened, "t")
    assert bring_up_to_date(opened, now(opened)) == 0
    opened.index([mixed(root, ("red", "blue"), 4, start=50)])
    assert set(given(opened, "t")) == set(red), "not before it is asked for"
    assert bring_up_to_date(opened, now(opened)) == 1
    assert set(given(opened, "t")) == set(ids(opened, "red")) and len(given(opened, "t")) == 14
    assert probe(opened, "t") == first, "applied, not trained"
    assert bring_up_to_date(opened, now(opened)) == 0


def test_a_collection_that_has_grown_trains_again(reds: Collection, tmp_path: Path) -> None:
    teach(Engine(reds), "t", Clicks(tuple(ids(reds, "red")[:4])))
    first = probe(reds, "t")
    reds.index([mixed(tmp_path / "photos", ("green", "blue", "red"), 12, start=50)])
    assert bring_up_to_date(reds, now(reds)) == 1
    assert probe(reds, "t")[1] != first[1] and set(given(reds, "t")) == set(ids(reds, "red"))


def test_another_model_trains_again_and_back(opened: Collection, tmp_path: Path) -> None:
    root = mixed(tmp_path / "photos")
    opened.index([root], encoder="head:A")
    red, engine = ids(opened, "red"), Engine(opened)
    teach(engine, "t", Clicks(tuple(red[:4]), tuple(ids(opened, "green")[:2])))
    before = probe(opened, "t")
    for name in ("head:B", "other", "head:A"):
        change(opened, name)
        assert bring_up_to_date(opened, now(opened)) == 1
        snapshot = now(opened)
        fingerprint, weights, _ = probe(opened, "t")
        assert fingerprint == snapshot.index.fingerprint and len(weights) == 4 * snapshot.index.dimension
        assert set(given(opened, "t")) == set(red)
        assert bring_up_to_date(opened, snapshot) == 0
        assert teach(engine, "t").yes == tuple(red[:4])
    assert probe(opened, "t")[1] == before[1]


def test_removed_pictures_are_kept_as_labels_and_do_not_train(opened: Collection, tmp_path: Path) -> None:
    opened.index([mixed(tmp_path / "photos")])
    red, blue, engine = ids(opened, "red"), ids(opened, "blue"), Engine(opened)
    teach(engine, "t", Clicks((*red[:4], blue[0])))
    record = opened.catalog.remove(blue[0])
    opened.catalog.remove(red[9])
    assert bring_up_to_date(opened, now(opened)) == 1
    told = teach(engine, "t")
    assert told.yes == tuple(sorted((*red[:4], blue[0]))) and told.pictures == 9
    assert blue[0] not in [id for id, _ in told.best] and red[9] not in {*told.next, *(id for id, _ in told.best)}
    fresh = teach(engine, "fresh", Clicks(tuple(red[:4])))
    with pytest.raises(NotFoundError, match=f"no picture #{red[9]}"):
        teach(engine, "t", Clicks((red[9],)))
    assert [id for id, _ in told.best[:5]] == [id for id, _ in fresh.best[:5]], "as if it had never been said"
    opened.catalog.restore(record.hash)
    assert bring_up_to_date(opened, now(opened)) == 1 and teach(engine, "t").pictures >= 10


def test_a_rebuild_changes_nothing_that_can_be_seen(reds: Collection) -> None:
    red = ids(reds, "red")
    teach(Engine(reds), "t", Clicks(tuple(red[:4])))
    reds.catalog.remove(ids(reds, "blue")[0])
    before = given(reds, "t")
    rebuild(reds)
    bring_up_to_date(reds, now(reds))
    assert given(reds, "t").keys() == before.keys() == set(red)


@pytest.mark.parametrize("where", ["learn", "keep"])
def test_a_stop_loses_no_click(reds: Collection, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    red = ids(reds, "red")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, where, killed)
        teach(Engine(reds), "t", Clicks(tuple(red[:4])))
    assert given(reds, "t") == {}
    assert bring_up_to_date(reds, now(reds)) == 1
    assert set(given(reds, "t")) == set(red)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, where, killed)
        teach(Engine(reds), "t", Clicks((), (red[4],)))
    assert red[4] in given(reds, "t")
    assert bring_up_to_date(reds, now(reds)) == 1
    assert red[4] not in given(reds, "t")


def test_clicks_that_come_while_it_trains_count(reds: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    red, real, rounds = ids(reds, "red"), module.learn, []

    def learn(*given: object) -> object:
        rounds.append(1)
        if len(rounds) == 1:
            teach(Engine(reds), "t", Clicks((), (red[5],)))
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "learn", learn)
    told = teach(Engine(reds), "t", Clicks(tuple(red[:4])))
    assert told.no == (red[5],) and red[5] not in given(reds, "t") and len(rounds) == 3


def test_several_at_once_lose_nothing(opened: Collection, tmp_path: Path) -> None:
    opened.index([mixed(tmp_path / "photos")])
    engine, red, green = Engine(opened), ids(opened, "red"), ids(opened, "green")
    clicks = [Clicks((yes,), (no,)) for yes, no in zip(red[:6], green[:6], strict=True)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: teach(engine, "t", one), clicks))
    told = teach(engine, "t")
    assert (told.yes, told.no) == (tuple(red[:6]), tuple(green[:6]))
    assert set(given(opened, "t")) == set(red) and bring_up_to_date(opened, now(opened)) == 0


def test_only_what_changes_is_written(reds: Collection) -> None:
    from sqlalchemy import event

    red, engine = ids(reds, "red"), Engine(reds)
    teach(engine, "t", Clicks(tuple(red[:4])))
    said: list[str] = []
    event.listen(reds.catalog.database.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    teach(engine, "t")
    bring_up_to_date(reds, now(reds))
    assert not [one for one in said if not one.startswith(("SELECT", "BEGIN"))]


def test_a_threshold_of_the_users_own(reds: Collection) -> None:
    red = ids(reds, "red")
    teach(Engine(reds), "t", Clicks(tuple(red[:2])))
    with reds.catalog.database.write() as connection:
        connection.execute(update(TagRow).values(threshold=1.0))
    assert bring_up_to_date(reds, now(reds)) == 1
    assert set(given(reds, "t")) == set(red[:2]) and teach(Engine(reds), "t").threshold == 1


def test_tags_of_other_sources_are_left_alone(reds: Collection) -> None:
    red = ids(reds, "red")
    teach(Engine(reds), "t", Clicks(tuple(red[:2])))
    with reds.catalog.database.write() as connection:
        tag = connection.scalar(select(TagRow.id))
        row = {"picture_id": red[0], "tag_id": tag, "source": TYPED, "probability": None}
        connection.execute(insert(PictureTagRow).values(**row))
    teach(Engine(reds), "t", Clicks((), (), tuple(red[:2])))
    assert given(reds, "t") == {} and given(reds, "t", TYPED) == {red[0]: None}


def test_more_pictures_than_are_ranked_get_it(reds: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    from search.tags import lesson

    red = ids(reds, "red")
    whole = teach(Engine(reds), "whole", Clicks(tuple(red[:3])))
    monkeypatch.setattr(lesson, "_TOP", 5)
    part = teach(Engine(reds), "part", Clicks(tuple(red[:3])))
    assert set(red) <= given(reds, "part").keys() and set(red) <= given(reds, "whole").keys()
    assert part.pictures == len(given(reds, "part")) >= whole.pictures


def test_a_name_needs_the_encoder_only_once(settings: Settings, tmp_path: Path) -> None:
    with Collection(settings, toy_load) as collection:
        collection.index([mixed(tmp_path / "photos")])
        red = ids(collection, "red")
        teach(Engine(collection), "t", Clicks(tuple(red[:2])))

    def none(*_: object) -> None:
        raise EncoderError("no encoder here")

    with Collection(settings, none) as collection:  # type: ignore[arg-type]
        assert teach(Engine(collection), "t", Clicks(tuple(red[2:4]))).pictures == 10
        with pytest.raises(EncoderError):
            teach(Engine(collection), "new", Clicks((red[0],)))
        assert QueryCache(settings.cache).get(now(collection).index.fingerprint, "tag:t") is not None
    with Collection(settings, toy_load) as collection, collection.catalog.database.read() as connection:
        assert connection.scalars(select(TagRow.name)).all() == ["t"]
        assert connection.scalar(select(PictureRow.live).where(PictureRow.id == red[0]))


def test_clicks_on_a_collection_without_pictures_fail(collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red")
    collection.index([folder])
    collection.forget(folder)
    with pytest.raises(NotFoundError, match="Nothing is indexed"):
        teach(Engine(collection), "red", Clicks(yes=(1,)))
