from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UsageError
from search.query import PictureFile, PictureId, Query, Term, Text, from_json, parse, to_json

boxes = st.none() | st.tuples(*[st.integers(0, 9999)] * 2, *[st.integers(1, 9999)] * 2)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)
names = st.text(st.characters(categories=["L", "N"], include_characters=" -+[]\\\"'"), min_size=1).filter(str.strip)
subjects = (
    st.builds(Text, texts)
    | st.builds(PictureId, st.integers(0, 10**12), boxes)
    | st.builds(PictureFile, names.map(lambda name: Path("dir", name)), boxes)
)
weights = st.decimals("0.01", "99", places=2).map(float)
terms = st.builds(Term, subjects, weights) | st.builds(Term, subjects, weights.map(lambda weight: -weight))
queries = (
    st.lists(terms, min_size=1, max_size=5)
    .filter(lambda some: any(t.weight > 0 for t in some))
    .map(lambda some: Query(tuple(some)))
)


@given(queries)
def test_what_is_printed_parses_to_the_same(query: Query) -> None:
    assert parse(str(query)) == query


@given(queries)
def test_json_round_trip(query: Query) -> None:
    assert from_json(to_json(query)) == query


@given(st.text(max_size=60))
def test_any_line_parses_or_is_refused(line: str) -> None:
    try:
        query = parse(line)
    except UsageError:
        return
    assert parse(str(query)) == query


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a dog on the grass", [(Text("a dog on the grass"), 1)]),
        ('"red car" + #12 - people', [(Text("red car"), 1), (PictureId(12), 1), (Text("people"), -1)]),
        (
            "2*sunset + ./beach.jpg + #40[10,20,200,150]",
            [(Text("sunset"), 2), (PictureFile(Path("beach.jpg")), 1), (PictureId(40, (10, 20, 200, 150)), 1)],
        ),
        ("black-and-white well-known cat", [(Text("black-and-white well-known cat"), 1)]),
        ("sunset -people", [(Text("sunset"), 1), (Text("people"), -1)]),
        ("#12", [(PictureId(12), 1)]),
        ("beach.jpg", [(PictureFile(Path("beach.jpg")), 1)]),
        ("/photos/my\\ beach.jpg", [(PictureFile(Path("/photos/my beach.jpg")), 1)]),
        ("cat 0.5*dog", [(Text("cat"), 1), (Text("dog"), 0.5)]),
        ('"say \\"cheese\\""', [(Text('say "cheese"'), 1)]),
        ("time 12:30 ratio 3/4", [(Text("time 12:30 ratio 3/4"), 1)]),
        ("- people + beach", [(Text("people"), -1), (Text("beach"), 1)]),
    ],
)
def test_language(line: str, expected: list[tuple[Text | PictureId | PictureFile, float]]) -> None:
    assert parse(line) == Query(tuple(Term(subject, weight) for subject, weight in expected))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("9999999*dog", 9),
        ("#" + "9" * 5000, 1),
        ("#1[1,1,1," + "9" * 5000 + "]", 3),
        ('sunset + "beach', 10),
        ("cat +", 6),
        ("#4[1,2,3]", 3),
        ("#4[1,2,0,3]", 3),
        ("cat camera:nikon", 5),
        ("cat -width>200", 6),
        ('cat tag:"indoor', 9),
        ("cat tag>indoor", 9),
        ("tag:_", 5),
        ("0*cat", 3),
    ],
)
def test_errors_point_at_the_character(line: str, place: int) -> None:
    with pytest.raises(UsageError, match=f"character {place}:") as raised:
        parse(line)
    *_, shown, caret = str(raised.value).splitlines()
    assert shown.strip() == line
    assert caret.index("^") - 2 == place - 1


@pytest.mark.parametrize("line", ["", "   ", "- people", "-cat -dog"])
def test_a_query_must_look_for_something(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line)


@pytest.mark.parametrize(
    "tree",
    [
        None,
        {},
        {"terms": "cat"},
        {"terms": []},
        {"terms": [{"text": ""}]},
        {"terms": [{"text": "\ud800"}]},
        {"terms": [{"text": "cat", "weight": 0}]},
        {"terms": [{"text": "cat", "weight": True}]},
        {"terms": [{"picture": "12"}]},
        {"terms": [{"picture": 1, "box": [1, 2, 3]}]},
        {"terms": [{"picture": 1, "box": [1, 2, 3, 0]}]},
        {"terms": [{"text": "cat", "weight": float("nan")}]},
    ],
)
def test_wrong_json_is_refused(tree: object) -> None:
    with pytest.raises(UsageError):
        from_json(tree)
