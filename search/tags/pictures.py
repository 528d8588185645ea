"""Pictures with their files and tags, some at a time: whatever is done with all of them needs little memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from indexer.collection import Collection
from indexer.tables import Base, FileRow
from search.tags.book import PictureTag, tags_of
from search.tags.effective import PICTURE

_FILE = Base.metadata.tables[FileRow.__tablename__]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Tagged:
    """A picture, the paths that hold it, its tags, the surest first, and its colours as the catalogue has them."""

    id: int
    paths: tuple[str, ...]
    tags: tuple[PictureTag, ...]
    colours: tuple[tuple[str, float], ...]


def tagged(collection: Collection, ids: Sequence[int] | None = None, language: str | None = None) -> Iterator[Tagged]:
    """The pictures of these ids in their order, or all of them; those that can't be found are left out."""
    after, place = -1, 0
    while True:
        with collection.catalog.database.read() as connection:
            if ids is None:
                rest = select(PICTURE.c.id).where(PICTURE.c.live, PICTURE.c.id > after)
                some = list(connection.scalars(rest.order_by(PICTURE.c.id).limit(_AT_ONCE)))
            else:
                some = list(ids[place : place + _AT_ONCE])
            found = _read(connection, some, language)
        if not some:
            return
        after, place = some[-1], place + _AT_ONCE
        yield from found


def count_pictures(collection: Collection) -> int:
    """How many pictures can be found."""
    with collection.catalog.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(PICTURE).where(PICTURE.c.live)) or 0


def _read(connection: Connection, ids: list[int], language: str | None) -> list[Tagged]:
    rows = select(PICTURE.c.id, PICTURE.c.colours, _FILE.c.path).join(_FILE, _FILE.c.picture_id == PICTURE.c.id)
    paths: dict[int, list[str]] = {}
    colours = {}
    for row in connection.execute(rows.where(PICTURE.c.live, PICTURE.c.id.in_(ids)).order_by(_FILE.c.path)):
        paths.setdefault(row.id, []).append(row.path)
        colours[row.id] = tuple((colour, share) for colour, share in row.colours)
    tags = tags_of(connection, list(paths), language)
    return [Tagged(id, tuple(paths[id]), tags[id], colours[id]) for id in ids if id in paths]
