"""Searching among edits: `is:edit`, `edit-of:`, parents beside results."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.collection import Collection
from indexer.errors import UsageError
from search.engine import Engine
from search.query import parse
from tuner.edits import Edit, ancestry, edit_of, edits_of, enter


def edit(id: int, parent: int, source_type: str = "algorithmicallyEnhanced") -> Edit:
    at = datetime(2026, 11, 25, tzinfo=UTC)
    return Edit(
        id, "tone", {"exposure": 1}, "curve", None, None, 7, "Pixloom 1", at, source_type, ((parent, "parent"),)
    )


@pytest.fixture
def family(any_collection: Collection, photos: Callable[..., Path]) -> Collection:
    """Picture 1 <- 2 <- 3, and 4 generated from 1; 5 is nobody's."""
    any_collection.index([photos("red", "red-2", "red-3", "red-4", "blue")])
    with any_collection.catalog.database.write() as connection:
        enter(connection, edit(2, 1))
        enter(connection, edit(3, 2))
        enter(connection, edit(4, 1, "trainedAlgorithmicMedia"))
    return any_collection


def found(collection: Collection, query: str) -> set[int]:
    return {one.id for one in Engine(collection).search(query, show_all=True).results}


def test_filters_of_lineage(family: Collection) -> None:
    assert found(family, "is:edit") == {2, 3, 4}
    assert found(family, "-is:edit") == {1, 5}
    assert found(family, "is:generated") == {4}
    assert found(family, "edit-of:1") == found(family, "edit-of:#1") == {2, 3, 4}
    assert found(family, "edit-of:2 -is:generated") == {3}
    assert found(family, "red edit-of:2") == {3}
    assert found(family, "edit-of:5") == set()


def test_results_name_their_parents(family: Collection) -> None:
    parents = {one.id: one.parent for one in Engine(family).search("red", show_all=True).results}
    assert parents == {1: None, 2: 1, 3: 2, 4: 1, 5: None}


def test_a_query_of_lineage_is_printed_as_it_is_read() -> None:
    for line in ("is:edit", "-is:generated", "cat edit-of:#12"):
        assert str(parse(str(parse(line)))) == str(parse(line))


@pytest.mark.parametrize("line", ["is:nothing", "edit-of:cat", "edit-of:1x", "is<edit"])
def test_what_can_not_be_asked(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line)


def test_an_unknown_picture_is_told(family: Collection) -> None:
    results = Engine(family).search("edit-of:99")
    assert results.results == () and "no picture #99" in (results.notice or "")


def test_the_way_back(family: Collection) -> None:
    with family.catalog.database.read() as connection:
        assert ancestry(connection, 3) == [3, 2, 1]
        assert [one.id for one in edits_of(connection, 1)] == [4, 2]
        assert edit_of(connection, 2) == edit(2, 1) and edit_of(connection, 1) is None
    family.catalog.remove(2)
    with family.catalog.database.read() as connection:
        assert ancestry(connection, 3) == [3, 2, 1], "a removed parent is still known"
        assert [one.id for one in edits_of(connection, 1)] == [4]
