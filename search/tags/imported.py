"""Tags of source `imported`: what data sets (labels) and the pictures' own metadata (keywords) call them."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.tables import Base, KeywordRow, LabelRow, StateRow
from indexer.tag_tables import IMPORTED, ImportedTagsRow
from search.tags.effective import GIVEN
from search.tags.rows import in_parts, key_of, tag_ids

_KEYWORD, _LABEL, _STATE, _MARK = (
    Base.metadata.tables[row.__tablename__] for row in (KeywordRow, LabelRow, StateRow, ImportedTagsRow)
)
_AT_ONCE = 5000
_GENERATIONS = select(_STATE.c.generation, _MARK.c.generation.label("entered")).select_from(
    _STATE.outerjoin(_MARK, _MARK.c.id == 1)
)
Pair = tuple[int, int]


def refresh_imported(collection: Collection, pictures: Sequence[int] | None = None) -> int:
    """Bring the imported tags in line with what keywords and labels say now; how many were entered or dropped.

    One look at two numbers where the collection hasn't changed since; otherwise all is read, or what is said of these
    `pictures` alone, and what differs is written, in one step.
    """
    database = collection.catalog.database
    with database.read() as connection:
        if _up_to_date(connection):
            return 0
    with database.write() as connection:
        wanted, known = _wanted(connection, pictures), _known(connection, pictures)
        _drop(connection, known - wanted)
        for some in in_parts(wanted - known, _AT_ONCE):
            rows = [{"picture_id": id, "tag_id": tag, "source": IMPORTED, "probability": None} for id, tag in some]
            connection.execute(insert(GIVEN), rows)
        if pictures is None:
            _mark(connection)
        return len(wanted ^ known)


def _up_to_date(connection: Connection) -> bool:
    row = connection.execute(_GENERATIONS).one_or_none()
    return row is None or row.generation == row.entered


def _wanted(connection: Connection, pictures: Sequence[int] | None) -> set[Pair]:
    """(picture, tag) of every keyword and label whose text can be the name of a tag."""
    said: dict[str, list[int]] = defaultdict(list)
    for table in (_KEYWORD, _LABEL):
        for id, text in connection.execute(select(table.c.picture_id, table.c.text).where(*_of(table, pictures))):
            said[text].append(id)
    keys = {}
    for text in said:
        with suppress(UsageError):  # blank, or too long
            keys[text] = key_of(text)
    tags = tag_ids(connection, [(text, None) for text in keys])
    return {(id, tags[key]) for text, key in keys.items() for id in said[text]}


def _known(connection: Connection, pictures: Sequence[int] | None) -> set[Pair]:
    imported = GIVEN.c.source == IMPORTED
    rows = connection.execute(select(GIVEN.c.picture_id, GIVEN.c.tag_id).where(imported, *_of(GIVEN, pictures)))
    return {(id, tag) for id, tag in rows}


def _of(table: Any, pictures: Sequence[int] | None) -> list[ColumnElement[bool]]:
    return [] if pictures is None else [table.c.picture_id.in_(list(pictures))]


def _drop(connection: Connection, pairs: set[Pair]) -> None:
    by_tag: dict[int, list[int]] = defaultdict(list)
    for id, tag in pairs:
        by_tag[tag].append(id)
    for tag, ids in by_tag.items():
        for some in in_parts(ids, _AT_ONCE):
            gone = and_(GIVEN.c.source == IMPORTED, GIVEN.c.tag_id == tag, GIVEN.c.picture_id.in_(some))
            connection.execute(delete(GIVEN).where(gone))


def _mark(connection: Connection) -> None:
    generation = connection.scalar(select(_STATE.c.generation))
    if not connection.execute(update(_MARK).values(generation=generation)).rowcount:
        connection.execute(insert(_MARK).values(id=1, generation=generation))
