"""Searches while the model changes; the comparison of two models; the queries it is made on."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import EncoderError, UsageError
from indexer.indexes import previous_index, stored_sets
from indexer.rebuild import rebuild
from indexer.records import IndexInfo
from indexer.switch import Switch, drop
from search.compare import compare, questions
from search.engine import Engine, Result
from search.history import LAST, History
from search.query import PictureBytes, Query, Term, parse
from tests.test_indexer_pipeline import many
from tests.test_indexer_switch import active, change
from tests.toys import COLOURS, ToyEncoder, any_toy, picture

QUERIES = ("red", "a green wall", "#3", "#17", "2*red + #5", "blue + #2 - red", "#4 - green", "#7[2,2,12,12]", "white")


@pytest.fixture
def opened(settings: Settings) -> Iterator[Collection]:
    """An empty collection over several toys."""
    with Collection(settings, any_toy) as collection:
        yield collection


@pytest.fixture
def any_opened(settings: Settings, database_url: str | None) -> Iterator[Collection]:
    """The same, once on each kind of database."""
    with Collection(settings.model_copy(update={"database_url": database_url}), any_toy) as collection:
        yield collection


class Load:
    """Threads that ask the whole time, and keep every answer."""

    def __init__(self, engine: Engine, threads: int = 4) -> None:
        self.engine, self.ended = engine, threading.Event()
        self.answers: list[tuple[str, str | None, tuple[Result, ...]]] = []
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        while not self.ended.is_set():
            query = QUERIES[number % len(QUERIES)]
            number += 1
            try:
                results = self.engine.search(query, k=10, show_all=True)
                self.answers.append((query, results.encoder, results.results))
            except BaseException as error:
                self.errors.append(error)


def expected(collection: Collection, index: int) -> dict[str, tuple[Result, ...]]:
    engine = Engine(collection, index)
    return {query: engine.search(query, k=10, show_all=True).results for query in QUERIES}


def test_under_load_every_answer_is_one_index_or_the_other(any_opened: Collection, tmp_path: Path) -> None:
    any_opened.index([many(tmp_path / "photos", 60)])
    old = active(any_opened).id
    with Load(Engine(any_opened)) as load:
        change(any_opened, "other")
        new = active(any_opened).id
        oracle = {"toy": expected(any_opened, old), "other": expected(any_opened, new)}
        change(any_opened, None)
        change(any_opened, None)
        change(any_opened, "head:A")
        oracle["head:A"] = expected(any_opened, active(any_opened).id)
        drop(any_opened, "toy")
        rebuild(any_opened)
    assert load.errors == []
    assert oracle["toy"] != oracle["other"] != oracle["head:A"]
    assert {encoder for _, encoder, _ in load.answers} == set(oracle)
    for query, encoder, results in load.answers:
        assert encoder is not None
        assert results == oracle[encoder][query], f"{query!r} has a mixed answer of {encoder}"


def test_an_upload_is_found_at_once_whatever_is_being_built(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 80)
    opened.index([root])
    engine, building = Engine(opened), threading.Thread(target=change, args=(opened, "other"))
    building.start()
    colours = list(COLOURS)[:6]
    for number, colour in enumerate(colours):
        path = root / f"came-{colour}.png"
        picture(colour, (90 + number, 50)).save(path)
        opened.index([path], wait=20)
        answer = engine.search(Query((Term(PictureBytes(path.read_bytes())),)), k=1)
        assert answer.results[0].path == str(path)
    building.join()
    assert active(opened).encoder == "other"
    for colour in colours:
        id = opened.catalog.find(path=root / f"came-{colour}.png")
        assert engine.search(f"#{id}", k=1).results[0].id == id


def test_a_picture_that_the_index_lacks_can_be_asked_for_all_the_same(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 20)])
    with opened.switching():
        begun = Switch.to(opened, "other")
        path = tmp_path / "photos" / "new.png"
        picture("teal", (70, 70)).save(path)
        opened.index([path], should_stop=lambda: True)
        begun.build()
    engine = Engine(opened)
    id = opened.catalog.find(path=path)
    if id is None:
        pytest.fail("the build has entered it")
    assert engine.search(f"#{id}", k=3).encoder == "toy"
    assert engine.search(str(path), k=3).results == engine.search(f"#{id}", k=3).results


def stored(collection: Collection) -> list[IndexInfo]:
    with collection.catalog.database.read() as connection:
        return stored_sets(connection)


def test_a_dropped_number_is_never_taken_for_the_new_index(opened: Collection, tmp_path: Path) -> None:
    """Databases give the number of a dropped row again: the parts of a snapshot must not be shared then."""
    opened.index([many(tmp_path / "photos", 30)])
    engine = Engine(opened)
    change(opened, "other")
    engine.search("red")  # the snapshot is of `other`, 12 numbers
    number = active(opened).id
    change(opened, None)
    drop(opened, "other")
    change(opened, "head:A")  # 16 numbers
    assert number in {one.id for one in stored(opened)}, "the number is in use again"
    for query in QUERIES:
        exact = expected(opened, active(opened).id)[query]
        assert engine.search(query, k=10, show_all=True).results == exact


def test_an_encoder_of_another_version_is_never_asked(settings: Settings, tmp_path: Path) -> None:
    class Newer(ToyEncoder):
        fingerprint = "newer"

        def encode_texts(self, texts: object) -> np.ndarray:
            raise AssertionError("the wrong encoder was asked")

    with Collection(settings, any_toy) as collection:
        collection.index([many(tmp_path / "photos", 10)])
    loaded: list[str] = []

    def load(name: str, _: Settings) -> ToyEncoder:
        loaded.append(name)
        return Newer()

    with Collection(settings, load) as later:
        engine = Engine(later)
        for _ in range(3):
            with pytest.raises(EncoderError, match="another version"):
                engine.search("red")
        assert loaded == ["toy"]
        assert engine.search("#1", show_all=True).results, "what needs no model is answered"


def test_two_models_are_compared_on_the_recent_queries(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 40)])
    engine = Engine(opened)
    for query in ("red", "#3", "blue + #2", "red", "#3[1,1,9,9]"):
        engine.search(query)
    with pytest.raises(UsageError):
        engine.search("")
    change(opened, "other")
    old, new = previous_index(opened.catalog), active(opened)
    assert old is not None
    found = compare(opened, old, new)
    recent = [one.query for one in found.queries if one.origin == "recent"]
    assert recent == ["#3[1,1,9,9]", '"red"', '"blue" + #2', "#3"]
    assert len(found.queries) == 20 and {one.origin for one in found.queries} == {"recent", "picture"}
    engines = Engine(opened, old.id), Engine(opened, new.id)
    for one in found.queries:
        sides = [{r.id for r in e.search(one.query, k=10, show_all=True).results} for e in engines]
        assert one.overlap == len(sides[0] & sides[1]) / 10
    assert found.overlap == pytest.approx(np.mean([one.overlap for one in found.queries]), abs=1e-4)
    assert (found.old.encoder, found.old.dimension, found.old.vectors) == ("toy", 16, 40)
    assert found.new.index_bytes == 40 * (12 * 4 + 8) == found.new.memory_bytes
    told = json.loads(json.dumps(found.as_dict()))
    assert told["overlap@10"] == found.overlap and told["queries"][0]["overlap@10"] == found.queries[0].overlap
    assert History(opened.settings).recent() == recent, "a comparison is no query of the user's"
    same = compare(opened, new, new)
    assert same.overlap == 1.0


def test_without_recent_queries_the_collection_speaks(opened: Collection, photos) -> None:
    root = photos("red", "blue", "green")
    (root / "red.txt").write_text('A red wall - quite "red" #1\n')
    opened.index([root])
    asked = questions(opened)
    assert asked == questions(opened), "the same every time"
    assert {origin for origin, _ in asked} == {"caption", "picture"}
    for _, line in asked:
        parse(line)
    assert parse(next(line for origin, line in asked if origin == "caption")).terms[0].weight == 1
    with opened.switching():
        empty = Switch.to(opened, "other")
    found = compare(opened, active(opened), empty.index)
    assert found.new.vectors == 0 and found.overlap == 0.0


def test_a_model_that_is_gone_is_compared_on_pictures_alone(settings: Settings, tmp_path: Path) -> None:
    class Newer(ToyEncoder):
        fingerprint = "newer"

    with Collection(settings, any_toy) as collection:
        collection.index([many(tmp_path / "photos", 20)])
        Engine(collection).search("red")
    with Collection(settings, lambda *_: Newer()) as later:
        change(later, "toy")
        old = previous_index(later.catalog)
        assert old is not None
        found = compare(later, old, active(later))
        assert found.skipped == 1 and {one.origin for one in found.queries} == {"picture"}
        assert found.overlap == 1.0


@few(max_examples=30, deadline=None)
@given(st.lists(st.text('abc é\n"\\', min_size=1, max_size=300), max_size=400))
def test_history_keeps_the_last_distinct_queries_in_bounds(tmp_path_factory: pytest.TempPathFactory, texts) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("home"), encoder="toy")
    history, kept = History(settings), []
    for text in texts:
        try:
            query = parse(text)
        except UsageError:
            continue
        history.add(query)
        line = str(query)
        if len(json.dumps(line, ensure_ascii=False).encode()) < 400:
            kept = [line, *(one for one in kept if one != line)]
    recent = history.recent()
    assert recent == kept[: len(recent)]
    assert len(recent) == min(len(kept), LAST) or (settings.home / "recent.jsonl").stat().st_size > 8 * 1024
    if (settings.home / "recent.jsonl").exists():
        assert (settings.home / "recent.jsonl").stat().st_size <= 33 * 1024


def test_history_is_silent_about_everything(settings: Settings, collection: Collection, photos) -> None:
    collection.index([photos("red", "blue")])
    file = settings.home / "recent.jsonl"
    file.write_bytes(b'\xff\xfe{]\n17\n"red"\n\n{"a": 1}\n"blu' + b"[" * 20_000 + b'\n"\\ud800"\n' * 3000)
    history = History(settings)
    assert history.recent() == ["\ud800", "red"]
    engine = Engine(collection)
    assert engine.search("blue").results, "though the file is too long, and can't be written as it is"
    engine.search(str(photos() / "red.png"))
    assert b"red.png" not in file.read_bytes(), "no path is kept"
    file.unlink()
    file.mkdir()
    assert engine.search("red").results
    assert history.recent() == []
