"""Which pictures jobs and operations take of a collection: originals, unless edits are asked for."""

from collections.abc import Callable
from pathlib import Path

from indexer.collection import Collection
from search.engine import Engine
from tests.test_search_lineage import edit
from tuner.edits import enter
from tuner.pictures import CollectionPictures
from tuner.selection import found_by


def test_a_query_finds_originals_unless_it_asks_for_edits(collection: Collection, photos: Callable[..., Path]) -> None:
    collection.index([photos("red", "red-2", "red-3", "blue")])
    with collection.catalog.database.write() as connection:
        enter(connection, edit(2, 1))
    engine = Engine(collection)
    assert set(found_by(engine, "red", 2)) == {3, 4}, "by name, blue is the first picture"
    assert found_by(engine, "red is:edit", 10) == [2] == found_by(engine, "edit-of:1", 10)
    pictures = CollectionPictures(collection, engine)
    assert pictures.newest(10) == [4, 3, 1] and pictures.newest(1) == [4]
    assert set(pictures.similar(pictures.open("2"), 2)) == {3, 4}
