"""Filters by tags against sets of Python, on both databases."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.tag_tables import IMPORTED, MODEL
from search.engine import Engine
from search.filters import Filter, filter_from_json, filter_to_json
from search.query import Query, Term, Text, from_json, parse, to_json
from search.tags import edit
from search.tags.effective import GIVEN
from search.tags.rows import tag_ids
from tests.toys import COLOURS, ToyEncoder

NAMES = ("light", "dark", "polar bear")


def tag(collection: Collection, rows: dict[str, Iterable[int]], concepts: dict[str, str] | None = None) -> None:
    with collection.catalog.database.write() as connection:
        for name, ids in rows.items():
            id = next(iter(tag_ids(connection, [(name, (concepts or {}).get(name))]).values()))
            values = [
                {"picture_id": one, "tag_id": id, "source": source, "probability": p}
                for one in ids
                for source, p in ((MODEL, 0.5), (IMPORTED, None))
            ]
            if values:
                connection.execute(insert(GIVEN), values)


@pytest.fixture
def engine(any_collection: Collection, photos: Callable[..., Path]) -> Engine:
    any_collection.index([photos(*COLOURS)])
    return Engine(any_collection)


def ids(engine: Engine) -> dict[str, int]:
    catalog = engine.collection.catalog
    return {Path(path).stem: id for id, path in catalog.paths(catalog.newest(100)).items()}


def found(results: Any) -> list[str]:
    return [Path(result.path).stem for result in results.results]


def test_a_filter_alone_lists_what_it_allows_newest_first(engine: Engine) -> None:
    known = ids(engine)
    tag(engine.collection, {"Warm": [known["red"], known["yellow"]], "odd": [known["yellow"]]})
    results = engine.search("tag:warm")
    assert [result.id for result in results.results] == sorted((known["red"], known["yellow"]), reverse=True)
    assert {(one.score, one.percentile, one.verdict) for one in results.results} == {(1.0, 1.0, "strong")}
    assert (results.total, results.notice, parse(results.query)) == (2, None, parse("tag:warm"))
    assert found(engine.search("tag:warm -tag:odd")) == ["red"]
    assert found(engine.search("tag:warm", k=1)) == [found(results)[0]] and engine.search("tag:warm", k=1).total == 2
    assert engine.search("-tag:warm", k=100).total == len(known) - 2


def test_words_rank_what_filters_allow(engine: Engine) -> None:
    known = ids(engine)
    some = ["blue", "navy", "green", "white"]
    tag(engine.collection, {"cool": [known[name] for name in some]})
    results = engine.search("blue tag:cool", show_all=True)
    assert found(results)[0] == "blue" and set(found(results)) == set(some) and results.total == 4
    assert found(engine.search("blue tag:cool", k=2, show_all=True)) == found(results)[:2]
    plain = {one.id: one for one in engine.search("blue", k=100, show_all=True).results}
    for one in results.results:  # judged as without the filter
        assert (one.score, one.percentile, one.verdict) == (
            plain[one.id].score,
            plain[one.id].percentile,
            plain[one.id].verdict,
        )
    assert found(engine.search("red - blue tag:cool", show_all=True))[-1] == "blue"
    assert found(engine.similar(known["blue"], k=3)) != []


def test_results_carry_their_tags(engine: Engine) -> None:
    known = ids(engine)
    tag(engine.collection, {f"t{n}": [known["red"]] for n in range(12)})
    with engine.collection.catalog.database.write() as connection:
        edit.add(connection, [known["red"]], "typed")
        edit.take_off(connection, [known["red"]], "t0")
    red = next(one for one in engine.search("red", k=1).results)
    assert len(red.tags) == 8 and {"t0"}.isdisjoint(red.tags)


def test_unknown_and_forbidden_tags_are_an_empty_answer_with_a_notice(engine: Engine) -> None:
    known = ids(engine)
    tag(engine.collection, {"polar bear": [known["white"]], "secret": [known["black"]]})
    nothing = engine.search('white tag:"polr bear"', show_all=True)
    assert (nothing.total, nothing.results) == (0, ())
    assert nothing.notice is not None and "polar bear" in nothing.notice
    with engine.collection.catalog.database.write() as connection:
        edit.forbid(connection, "secret")
        edit.translate(connection, "polar bear", "de", "Eisbär")
    hidden = engine.search("tag:secret")
    assert (hidden.total, hidden.results) == (0, ()) and "forbidden" in str(hidden.notice)
    assert found(engine.search("tag:eisbär")) == ["white"]
    assert len(engine.search("-tag:nothing", k=100).results) == len(known)


def test_a_parent_means_its_children_too(engine: Engine) -> None:
    known = ids(engine)
    concepts = {"animal": "a", "dog": "d", "puppy": "p", "stone": "s"}
    rows = {"animal": ["red"], "dog": ["blue"], "puppy": ["green"], "stone": ["white"]}
    tag(engine.collection, {name: [known[one] for one in some] for name, some in rows.items()}, concepts)
    below = {"a": ("d", "p", "unheard of"), "d": ("p",)}
    knowing = Engine(engine.collection, descendants=lambda concept: below.get(concept, ()))
    assert set(found(knowing.search("tag:animal"))) == {"red", "blue", "green"}
    assert set(found(knowing.search("tag:dog"))) == {"blue", "green"}
    assert found(engine.search("tag:animal")) == ["red"]
    assert "blue" not in found(knowing.search("-tag:animal", k=100))
    with engine.collection.catalog.database.write() as connection:
        edit.merge(connection, "puppy", "stone")  # the concept of what was merged leads to where it went
        edit.forbid(connection, "dog")
    assert set(found(knowing.search("tag:animal"))) == {"red", "green", "white"}


def test_removed_pictures_are_never_listed(engine: Engine) -> None:
    known = ids(engine)
    tag(engine.collection, {"warm": [known["red"], known["yellow"]]})
    assert engine.search("tag:warm").total == 2
    engine.collection.catalog.remove(known["red"])
    assert found(engine.search("tag:warm")) == ["yellow"]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_filters_and_matches_against_sets(engine: Engine, data: st.DataObject) -> None:
    known = ids(engine)
    every = list(known.values())
    with engine.collection.catalog.database.write() as connection:
        connection.execute(GIVEN.delete())
    has = {name: data.draw(st.sets(st.sampled_from(every))) for name in NAMES}
    tag(engine.collection, has)
    filters = data.draw(st.lists(st.builds(Filter, st.just("tag"), st.sampled_from(NAMES), st.booleans()), min_size=1))
    expected = set(every)
    for one in filters:
        expected = expected - has[one.value] if one.negative else expected & has[one.value]
    assert set(engine.matching(Query((), tuple(filters))).tolist()) == expected
    listed = engine.search(Query((), tuple(filters)), k=100)
    assert [one.id for one in listed.results] == sorted(expected, reverse=True)
    words = (Term(Text("red")), Term(Text("blue"), -0.5))[: data.draw(st.integers(1, 2))]
    ranked = engine.search(Query(words, tuple(filters)), k=100, show_all=True)
    whole = [one for one in engine.search(Query(words), k=100, show_all=True).results if one.id in expected]
    assert [(one.id, one.score) for one in ranked.results] == [(one.id, one.score) for one in whole]
    shown = {one.id for one in engine.search(Query(words, tuple(filters)), k=100).results}
    assert set(engine.matching(Query(words, tuple(filters))).tolist()) == shown
    k = data.draw(st.integers(1, 5))
    assert [one.id for one in engine.search(Query(words, tuple(filters)), k=k, show_all=True).results] == [
        one.id for one in whole[:k]
    ]


def test_matches_are_what_the_cut_off_leaves(any_collection: Collection, photos: Callable[..., Path]) -> None:
    any_collection.index([photos(*(f"{name}-{n}" for n in range(4) for name in COLOURS))])
    engine = Engine(any_collection)
    for line in ("red", "red - blue", "red + white - 2*green"):
        results = engine.search(line, k=1000)
        assert set(engine.matching(parse(line)).tolist()) == {one.id for one in results.results}
        assert results.total == len(results.results) < 64
        assert len(engine.matching(parse(line), show_all=True)) == 64
    some = engine.matching(parse("red"))[::2].tolist()
    tag(any_collection, {"some": some})
    assert engine.search("red tag:some", k=1).total == len(some)


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).map(str.strip)
FILTERS = st.builds(Filter, st.just("tag"), VALUES.filter(lambda text: text.replace("_", " ").strip()), st.booleans())


@given(st.lists(FILTERS, min_size=1, max_size=4), st.booleans())
def test_what_is_printed_parses_to_the_same(filters: list[Filter], words: bool) -> None:
    query = Query((Term(Text("a dog")),) if words else (), tuple(filters))
    assert parse(str(query)) == query
    assert from_json(to_json(query)) == query
    assert [filter_from_json(filter_to_json(one)) for one in filters] == filters


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tag:indoor", [Filter("tag", "indoor")]),
        ("-tag:blurred", [Filter("tag", "blurred", True)]),
        ("- tag:blurred", [Filter("tag", "blurred", True)]),
        ("+ tag:x", [Filter("tag", "x")]),
        ('tag:"polar bear" tag:Ünï-code', [Filter("tag", "polar bear"), Filter("tag", "Ünï-code")]),
        ('tag:"say \\"cheese\\""', [Filter("tag", 'say "cheese"')]),
        ("tag:a:b", [Filter("tag", "a:b")]),
    ],
)
def test_language(line: str, expected: list[Filter]) -> None:
    assert parse(line) == Query((), tuple(expected))
    assert parse(f"a cat {line}") == Query((Term(Text("a cat")),), tuple(expected))


@pytest.mark.parametrize(
    "tree",
    [
        {"filters": [{}]},
        {"filters": "tag:x"},
        {"filters": []},
        {"filters": [{"field": "tag", "value": " "}]},
        {"filters": [{"field": "tag", "value": "x" * 300}]},
        {"filters": [{"field": "tag", "value": "\ud800"}]},
        {"filters": [{"field": "tag", "value": "x", "op": "<"}]},
        {"filters": [{"field": "tag", "value": "x", "not": 1}]},
        {"filters": [{"field": "camera", "value": "nikon"}]},
        {"filters": [{"field": "tag", "value": "x"}], "terms": [{"text": "cat", "weight": -1}]},
    ],
)
def test_wrong_json_is_refused(tree: object) -> None:
    with pytest.raises(UsageError):
        from_json(tree)


def test_a_minus_alone_still_looks_for_nothing() -> None:
    with pytest.raises(UsageError, match="only says what to avoid"):
        parse("tag:dog - people")


def test_the_toy_is_what_is_searched(engine: Engine) -> None:
    """The oracle of the scores: inner products with the toy's own vector."""
    tag(engine.collection, {"all": ids(engine).values()})
    snapshot = engine.snapshot()
    assert snapshot is not None
    expected = np.sort(snapshot.vectors @ ToyEncoder().encode_texts(["green"])[0])[::-1]
    results = engine.search("green tag:all", k=100, show_all=True).results
    np.testing.assert_allclose([one.score for one in results], expected, atol=1e-5)
