"""What data sets say of pictures, in the catalogue: read, replaced and forgotten. Each statement has its source."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from indexer.sources.items import Attribute, BoxLabel, Item
from indexer.tables import AttributeRow, Base, BoxRow, CaptionRow, LabelRow, MemberRow, SourceRow
from indexer.types import Caption

# Tables rather than mapped classes: statements over classes cost several times as much to prepare.
_MEMBER, *_SAID = (
    Base.metadata.tables[row.__tablename__] for row in (MemberRow, CaptionRow, LabelRow, AttributeRow, BoxRow)
)
_CAPTION, _LABEL, _ATTRIBUTE, _BOX = _SAID
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Membership:
    """A data set that names a picture, and the part of it that the picture is in."""

    format: str
    path: str
    split: str | None


def statements(connection: Connection, picture: int) -> dict[str, Any]:
    """`labels`, `attributes`, `boxes` and `sources` of a picture, by all data sets in the order of their first
    import. Where two give different values to an attribute, the later is believed."""
    by = select(SourceRow.format, SourceRow.path, MemberRow.split).join(SourceRow, SourceRow.id == MemberRow.source_id)
    sources = connection.execute(by.where(MemberRow.picture_id == picture).order_by(SourceRow.id))
    labels, attributes, boxes = (
        connection.execute(select(table).where(table.c.picture_id == picture).order_by(table.c.source_id, table.c.id))
        for table in (_LABEL, _ATTRIBUTE, _BOX)
    )
    return {
        "labels": tuple(dict.fromkeys(row.text for row in labels)),
        "attributes": {row.name: _value(row) for row in attributes},
        "boxes": tuple(dict.fromkeys(_box(row) for row in boxes)),
        "sources": tuple(Membership(*row) for row in sources),
    }


def items(connection: Connection, source: int, pictures: dict[int, Path]) -> list[tuple[int, Item]]:
    """What a data set says of pictures, given with a path for each."""
    told: dict[str, dict[int, list[Any]]] = {}
    for table in (_MEMBER, *_SAID):
        rows = select(table).where(table.c.source_id == source, table.c.picture_id.in_(list(pictures)))
        for row in connection.execute(rows.order_by(*table.primary_key.columns)):
            told.setdefault(table.name, {}).setdefault(row.picture_id, []).append(row)

    def of(table: Any, id: int) -> list[Any]:
        return told.get(table.name, {}).get(id, [])

    return [
        (
            id,
            Item(
                path,
                of(_MEMBER, id)[0].split,
                tuple(Caption(row.text, row.language) for row in of(_CAPTION, id)),
                tuple(row.text for row in of(_LABEL, id)),
                {row.name: _value(row) for row in of(_ATTRIBUTE, id)},
                tuple(map(_box, of(_BOX, id))),
                next((row.synset for row in of(_LABEL, id)), None),
            ),
        )
        for id, path in pictures.items()
        if of(_MEMBER, id)
    ]


def source_id(connection: Connection, format: str, path: Path) -> int:
    """The row of a data set, which is new or is imported again."""
    values = {"format": format, "imported_at": datetime.now(UTC).replace(tzinfo=None)}
    known = connection.scalar(select(SourceRow.id).where(SourceRow.path == str(path)))
    if known is not None:
        connection.execute(update(SourceRow).where(SourceRow.id == known).values(**values))
        return known
    return connection.execute(insert(SourceRow).values(path=str(path), **values).returning(SourceRow.id)).scalar_one()


def splits_of(connection: Connection, source: int) -> list[str | None]:
    """The parts of a data set that were imported."""
    return list(connection.scalars(select(MemberRow.split).where(MemberRow.source_id == source).distinct()))


def retract(connection: Connection, source: int, splits: Sequence[str | None] | None = None) -> None:
    """Drop what a data set said: all of it, or only of the pictures in these splits."""
    if splits is None:
        for table in (*_SAID, _MEMBER):
            connection.execute(delete(table).where(table.c.source_id == source))
        return
    named = [split for split in splits if split is not None]
    member = select(MemberRow.picture_id).where(MemberRow.source_id == source, MemberRow.split.in_(named))
    ids = list(connection.scalars(member))
    retract_pictures(connection, source, ids)


def retract_pictures(connection: Connection, source: int, ids: Sequence[int]) -> None:
    """Drop what a data set said of these pictures."""
    for start in range(0, len(ids), _AT_ONCE):
        some = list(ids[start : start + _AT_ONCE])
        for table in (*_SAID, _MEMBER):
            connection.execute(delete(table).where(table.c.source_id == source, table.c.picture_id.in_(some)))


def state(connection: Connection, source: int, said: Iterable[tuple[int, Item]]) -> None:
    """Enter what a data set says of pictures, of which nothing of it is entered yet."""
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in (_MEMBER, *_SAID)}
    for id, item in said:
        key = {"picture_id": id, "source_id": source}
        rows[_MEMBER].append({**key, "split": item.split})
        rows[_CAPTION] += [{**key, "text": one.text, "language": one.language} for one in dict.fromkeys(item.captions)]
        rows[_LABEL] += [{**key, "text": label, "synset": item.synset} for label in dict.fromkeys(item.labels)]
        rows[_ATTRIBUTE] += [{**key, "name": name, **_columns(value)} for name, value in item.attributes.items()]
        rows[_BOX] += [
            {**key, "name": box.name, "supercategory": box.supercategory}
            | dict(zip(("x", "y", "width", "height"), box.box, strict=True))
            for box in item.boxes
        ]
    for table, values in rows.items():
        if values:
            connection.execute(insert(table), values)


def sources(connection: Connection) -> list[dict[str, Any]]:
    """The data sets that were imported: `format`, `path`, `imported_at`, and how many `pictures` they name."""
    count = select(func.count()).where(MemberRow.source_id == SourceRow.id).scalar_subquery()
    rows = select(SourceRow.format, SourceRow.path, SourceRow.imported_at, count.label("pictures"))
    return [dict(row._mapping) for row in connection.execute(rows.order_by(SourceRow.id))]


def forget_sources(connection: Connection, path: str) -> int:
    """Drop the data sets at or below a path with all they said; how many there were."""
    below = SourceRow.path.startswith(path.rstrip(os.sep) + os.sep, autoescape=True)
    rows = connection.execute(select(SourceRow.id, SourceRow.path).where(or_(SourceRow.path == path, below)))
    ids = [row.id for row in rows if row.path.startswith(path)]  # LIKE takes capitals for small letters on SQLite
    for id in ids:
        retract(connection, id)
        connection.execute(delete(SourceRow).where(SourceRow.id == id))
    return len(ids)


def _columns(value: Attribute) -> dict[str, Any]:
    if isinstance(value, str):
        return {"text": value, "number": None, "flag": False}
    return {"text": None, "number": float(value), "flag": isinstance(value, bool)}


def _value(row: Any) -> Attribute:
    if row.number is None:
        return str(row.text)
    return bool(row.number) if row.flag else float(row.number)


def _box(row: Any) -> BoxLabel:
    return BoxLabel(row.name, (row.x, row.y, row.width, row.height), row.supercategory)
