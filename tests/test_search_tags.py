"""The collection's tags against what sets of Python say, on both databases."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from indexer.importing import import_items
from indexer.sources.datasets import read_items
from indexer.tag_tables import IMPORTED, MODEL, TAUGHT, TYPED
from search.tags import edit
from search.tags.book import SOURCES, counted, tags_of
from search.tags.effective import GIVEN, LABEL, PICTURE, TAG, pictures_with
from search.tags.imported import refresh_imported
from search.tags.names import find_tags, nearest, the_tag
from search.tags.rows import tag_ids

COLOURS = ("red", "blue", "green", "yellow", "red-2", "white")


@pytest.fixture
def pictures(any_collection: Collection, photos: Callable[..., Path]) -> list[int]:
    """Ids of six indexed pictures."""
    any_collection.index([photos(*COLOURS)])
    return sorted(any_collection.catalog.newest(100))


def give(collection: Collection, rows: Iterable[tuple[int, str, str, float | None]]) -> None:
    """Enter rows of (picture, tag, source, probability)."""
    with collection.catalog.database.write() as connection:
        for picture, name, source, probability in rows:
            tag = next(iter(tag_ids(connection, [(name, None)]).values()))
            connection.execute(
                insert(GIVEN).values(picture_id=picture, tag_id=tag, source=source, probability=probability)
            )


def names(collection: Collection, picture: int, language: str | None = None) -> list[str]:
    with collection.catalog.database.read() as connection:
        return [tag.name for tag in tags_of(connection, [picture], language)[picture]]


def counts(collection: Collection, **options: Any) -> dict[str, int]:
    with collection.catalog.database.read() as connection:
        return {entry.name: entry.count for entry in counted(connection, **options).tags if entry.count}


def do(collection: Collection, what: Callable[..., Any], *args: Any) -> Any:
    with collection.catalog.database.write() as connection:
        return what(connection, *args)


def test_tags_of_pictures_say_where_they_are_from(any_collection: Collection, pictures: list[int]) -> None:
    first, second = pictures[:2]
    give(any_collection, [(first, "dog", MODEL, 0.7), (first, "dog", TAUGHT, 0.9), (first, "pet", IMPORTED, None)])
    give(any_collection, [(first, "cat", MODEL, 0.2)])
    do(any_collection, edit.add, [second, second], "Polar_bear")
    with any_collection.catalog.database.read() as connection:
        found = tags_of(connection, [first, second, 999])
    assert [(tag.name, tag.probability, tag.sources) for tag in found[first]] == [
        ("pet", None, (IMPORTED,)),
        ("dog", 0.9, (TAUGHT, MODEL)),
        ("cat", 0.2, (MODEL,)),
    ]
    assert [(tag.name, tag.probability, tag.sources) for tag in found[second]] == [("Polar bear", 1.0, (TYPED,))]
    assert found[999] == ()


def test_what_a_person_says_wins(any_collection: Collection, pictures: list[int]) -> None:
    first = pictures[0]
    give(any_collection, [(first, "dog", MODEL, 0.99), (first, "dog", IMPORTED, None)])
    do(any_collection, edit.take_off, [first], "DOG")
    assert names(any_collection, first) == []
    assert counts(any_collection) == {}
    do(any_collection, edit.add, [first], "dog")
    assert names(any_collection, first) == ["dog"]
    do(any_collection, edit.take_off, [first], "dog")
    assert names(any_collection, first) == []
    with any_collection.catalog.database.read() as connection:
        assert len(connection.execute(select(LABEL)).all()) == 1
        assert connection.execute(select(GIVEN).where(GIVEN.c.source == TYPED)).all() == []


def test_forbidden_tags_are_had_by_none(any_collection: Collection, pictures: list[int]) -> None:
    give(any_collection, [(id, "dog", MODEL, 0.5) for id in pictures])
    tag = do(any_collection, edit.forbid, "dog")
    assert names(any_collection, pictures[0]) == [] and counts(any_collection) == {}
    with any_collection.catalog.database.read() as connection:
        assert pictures_with(connection, [tag.id]).tolist() == []
    with pytest.raises(UsageError, match="forbidden"):
        do(any_collection, edit.add, [pictures[0]], "dog")
    do(any_collection, edit.forbid, "dog", False)
    assert counts(any_collection) == {"dog": 6}
    assert do(any_collection, edit.forbid, "never seen").forbidden


def test_renaming_keeps_the_old_name_as_a_way_there(any_collection: Collection, pictures: list[int]) -> None:
    give(any_collection, [(pictures[0], "dog", MODEL, 0.5)])
    do(any_collection, edit.rename, "dog", "Hound")
    assert names(any_collection, pictures[0]) == ["Hound"]
    give(any_collection, [(pictures[1], "dog", MODEL, 0.5)])  # the tagger knows only the old name
    assert names(any_collection, pictures[1]) == ["Hound"]
    do(any_collection, edit.rename, "hound", "dog")
    assert names(any_collection, pictures[1]) == ["dog"]
    do(any_collection, edit.rename, "hound", "DOG")
    assert counts(any_collection) == {"DOG": 2}
    give(any_collection, [(pictures[0], "cat", MODEL, 0.5)])
    with pytest.raises(UsageError, match="merge"):
        do(any_collection, edit.rename, "cat", "hound")
    with pytest.raises(NotFoundError, match=r"nearest.*DOG"):
        do(any_collection, edit.rename, "dogg", "x")


def test_merging_moves_everything_and_the_later_label_wins(any_collection: Collection, pictures: list[int]) -> None:
    one, two, three, four = pictures[:4]
    give(any_collection, [(one, "puppy", MODEL, 0.5), (one, "dog", MODEL, 0.9), (two, "puppy", MODEL, 0.4)])
    for says, picture, name in (
        (edit.add, three, "puppy"),
        (edit.take_off, three, "dog"),
        (edit.take_off, four, "puppy"),
        (edit.add, four, "dog"),
    ):
        do(any_collection, says, [picture], name)
    do(any_collection, edit.merge, "puppy", "dog")
    assert counts(any_collection) == {"dog": 3}
    assert [names(any_collection, id) for id in (one, two, three, four)] == [["dog"], ["dog"], [], ["dog"]]
    with any_collection.catalog.database.read() as connection:
        assert tags_of(connection, [one])[one][0].probability == 0.9
        assert the_tag(connection, "puppy").name == "dog"
        assert connection.execute(select(LABEL.c.tag_id).distinct()).all() == [(the_tag(connection, "dog").id,)]
    for other in ("puppy", "dog"):
        with pytest.raises(UsageError, match="same tag"):
            do(any_collection, edit.merge, "dog", other)
    give(any_collection, [(five := pictures[4], "animal", MODEL, 0.5)])
    do(any_collection, edit.merge, "dog", "animal")
    with pytest.raises(UsageError, match="same tag"):
        do(any_collection, edit.merge, "animal", "puppy")
    assert counts(any_collection) == {"animal": 4} and names(any_collection, five) == ["animal"]
    give(any_collection, [(pictures[5], "puppy", MODEL, 0.5)])  # two merges away
    assert counts(any_collection) == {"animal": 5}


def test_names_in_any_language(any_collection: Collection, pictures: list[int]) -> None:
    give(any_collection, [(pictures[0], "dog", MODEL, 0.5), (pictures[0], "bench", MODEL, 0.4)])
    do(any_collection, edit.translate, "dog", "de", "Hund")
    do(any_collection, edit.translate, "dog", "pt_BR", "Cão")
    assert names(any_collection, pictures[0], "de") == ["Hund", "bench"]
    assert names(any_collection, pictures[0], "de-AT") == ["Hund", "bench"]
    assert names(any_collection, pictures[0], "pt-br") == ["Cão", "bench"]
    do(any_collection, edit.add, [pictures[1]], "HUND")
    assert names(any_collection, pictures[1]) == ["dog"]
    do(any_collection, edit.translate, "dog", "de", None)
    with any_collection.catalog.database.read() as connection:
        assert find_tags(connection, "Hund") == []
        assert [tag.name for tag in find_tags(connection, "cão")] == ["dog"]
    do(any_collection, edit.translate, "bench", "xx", "cão")
    with pytest.raises(UsageError, match="Several tags"):
        do(any_collection, edit.forbid, "cão")
    for language, text in (("german", "Hund"), ("", "Hund"), ("de", " "), ("de", "x" * 300)):
        with pytest.raises(UsageError):
            do(any_collection, edit.translate, "dog", language, text)


def test_thresholds_hold_for_estimates_only(any_collection: Collection, pictures: list[int]) -> None:
    one, two, three = pictures[:3]
    give(any_collection, [(one, "dog", MODEL, 0.4), (two, "dog", TAUGHT, 0.8), (three, "dog", IMPORTED, None)])
    tag = do(any_collection, edit.set_threshold, "dog", 0.5)
    assert counts(any_collection) == {"dog": 2}
    with any_collection.catalog.database.read() as connection:
        assert sorted(pictures_with(connection, [tag.id])) == [two, three]
    do(any_collection, edit.set_threshold, "dog", None)
    assert counts(any_collection) == {"dog": 3}
    with pytest.raises(UsageError, match="0 to 1"):
        do(any_collection, edit.set_threshold, "dog", 1.5)


def test_nearest_names(any_collection: Collection) -> None:
    do(any_collection, tag_ids, [(name, None) for name in ("polar bear", "polar_bearskin", "zebra", "dog")])
    with any_collection.catalog.database.read() as connection:
        assert nearest(connection, "polr bear")[0] == "polar bear"
        assert nearest(connection, "ebra") == ["zebra"]
        assert nearest(connection, "qqqqqq") == []


def test_pages_of_many_tags(any_collection: Collection, pictures: list[int]) -> None:
    do(any_collection, tag_ids, [(f"tag {n}", None) for n in range(250)])
    give(any_collection, [(pictures[0], "tag 7", MODEL, 0.5), (pictures[1], "tag 7", MODEL, 0.5)])
    give(any_collection, [(pictures[1], "tag 99", TAUGHT, 0.5), (pictures[1], "tag 99", MODEL, 0.5)])
    seen, after = [], 0
    while after is not None:
        with any_collection.catalog.database.read() as connection:
            page = counted(connection, limit=100, after=after)
        seen += page.tags
        after = page.next
    assert len(seen) == len({entry.id for entry in seen}) == page.total == 250
    assert [(entry.name, entry.count, entry.sources) for entry in seen[:3]] == [
        ("tag 7", 2, {MODEL: 2}),
        ("tag 99", 1, {TAUGHT: 1, MODEL: 1}),
        ("tag 0", 0, {}),
    ]
    with any_collection.catalog.database.read() as connection:
        assert counted(connection, contains="G 24").total == 11
        assert counted(connection, among=[]).total == 0


def test_labels_and_keywords_are_imported(any_collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue")
    table = folder.parent / "data.csv"
    table.write_text("image,label\nred.png,Dog\nblue.png,polar_bear\n")
    (folder / "blue.xmp").write_text(XMP.format("<rdf:li>dog</rdf:li><rdf:li>Sea</rdf:li>"))
    any_collection.index([folder])
    import_items(any_collection, read_items("csv", table, folder, None))
    assert refresh_imported(any_collection) == 4
    assert refresh_imported(any_collection) == 0
    blue = any_collection.catalog.find(path=folder / "blue.png")
    assert blue is not None
    assert {name.casefold() for name in names(any_collection, blue)} == {"dog", "polar bear", "sea"}
    do(any_collection, edit.take_off, [blue], "sea")
    table.write_text("image,label\nred.png,cat\nblue.png,polar_bear\n")  # another import replaces what was said
    import_items(any_collection, read_items("csv", table, folder, None))
    refresh_imported(any_collection)
    assert {name.casefold(): count for name, count in counts(any_collection).items()} == {
        "dog": 1,
        "cat": 1,
        "polar bear": 1,
    }


def test_unknown_and_removed_pictures_are_refused(any_collection: Collection, pictures: list[int]) -> None:
    any_collection.catalog.remove(pictures[0])
    for id in (999, pictures[0]):
        with pytest.raises(NotFoundError, match=f"#{id}"):
            do(any_collection, edit.add, [pictures[1], id], "dog")
    assert counts(any_collection) == {}


def test_several_may_change_tags_at_once(any_collection: Collection, pictures: list[int]) -> None:
    def work(number: int) -> None:
        for turn in range(5):
            do(any_collection, edit.add if (number + turn) % 2 else edit.take_off, pictures, "shared")
            do(any_collection, edit.add, pictures[:1], f"new {turn}")

    do(any_collection, edit.add, pictures, "shared")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert counts(any_collection, contains="new") == {f"new {turn}": 1 for turn in range(5)}
    with any_collection.catalog.database.read() as connection:
        assert len(connection.execute(select(LABEL)).all()) == len(pictures) + 5


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag>{}</rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""

TAGS = st.integers(0, 4)
SAID = st.lists(st.tuples(st.integers(0, 5), TAGS, st.sampled_from([MODEL, TAUGHT, IMPORTED]), st.floats(0, 1)))
THRESHOLDS = st.dictionaries(TAGS, st.floats(0, 1), max_size=2)
LABELS = st.dictionaries(st.tuples(st.integers(0, 5), TAGS), st.booleans())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    SAID,
    LABELS,
    st.sets(TAGS, max_size=2),
    st.dictionaries(TAGS, st.floats(0, 1), max_size=2),
    st.booleans(),
    st.booleans(),
)
def test_effective_tags_against_sets(
    any_collection: Collection,
    pictures: list[int],
    said: list[tuple[int, int, str, float]],
    labels: dict[tuple[int, int], bool],
    forbidden: set[int],
    thresholds: dict[int, float],
    merged: bool,
    gone: bool,
) -> None:
    rows = {(picture, tag, source): (None if source == IMPORTED else p) for picture, tag, source, p in said}
    lead = {tag: 0 if merged and tag == 1 else tag for tag in range(5)}
    with any_collection.catalog.database.write() as connection:
        for table in (GIVEN, LABEL):
            connection.execute(table.delete())
        connection.execute(PICTURE.update().where(PICTURE.c.id == pictures[5]).values(live=not gone))
        connection.execute(TAG.update().values(merged_into=None))
        connection.execute(TAG.delete())
        ids = list(tag_ids(connection, [(f"t{tag}", None) for tag in range(5)]).values())
        for tag, id in enumerate(ids):
            values = {"forbidden": tag in forbidden, "threshold": thresholds.get(tag)}
            connection.execute(TAG.update().where(TAG.c.id == id).values(**values))
        if merged:
            connection.execute(TAG.update().where(TAG.c.id == ids[1]).values(merged_into=ids[0]))
        for (picture, tag, source), p in rows.items():
            value = {"picture_id": pictures[picture], "tag_id": ids[tag], "source": source, "probability": p}
            connection.execute(insert(GIVEN).values(**value))
        labels = {(picture, lead[tag]): yes for (picture, tag), yes in labels.items()}
        for (picture, tag), yes in labels.items():
            value = {"picture_id": pictures[picture], "tag_id": ids[tag], "positive": yes, "at": datetime(2026, 1, 1)}
            connection.execute(insert(LABEL).values(**value))

    has: dict[tuple[int, int], set[str]] = {}
    for (picture, tag, source), p in rows.items():
        if p is None or p >= thresholds.get(lead[tag], 0):
            has.setdefault((picture, lead[tag]), set()).add(source)
    for pair, yes in labels.items():
        if yes:
            has.setdefault(pair, set()).add(TYPED)
        else:
            has.pop(pair, None)
    has = {pair: said for pair, said in has.items() if pair[1] not in forbidden and not (gone and pair[0] == 5)}

    with any_collection.catalog.database.read() as connection:
        found = tags_of(connection, pictures)
        page = counted(connection)
        some = pictures[1:4]
        among = counted(connection, among=some)
        with_two = pictures_with(connection, [ids[0], ids[3]])
    told = {(pictures.index(id), ids.index(tag.id)): set(tag.sources) for id in pictures for tag in found[id]}
    assert told == has
    for entry in page.tags:
        tag = ids.index(entry.id)
        of_tag = {picture: sources for (picture, one), sources in has.items() if one == tag}
        assert entry.count == len(of_tag)
        assert entry.sources == {s: n for s in SOURCES if (n := sum(s in sources for sources in of_tag.values()))}
    expected: dict[int, int] = {}
    for picture, tag in has:
        if pictures[picture] in some:
            expected[ids[tag]] = expected.get(ids[tag], 0) + 1
    assert {entry.id: entry.count for entry in among.tags} == expected
    expected_two = {pictures[picture] for picture, tag in has if tag in (0, 3)}
    assert set(with_two.tolist()) - {pictures[5]} == expected_two - {pictures[5]}
