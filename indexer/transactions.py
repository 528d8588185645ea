"""Steps that several transactions on the catalogue share."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from indexer.tables import INDEXED, PENDING, EmbeddingRow, FileRow, IndexRow, PictureRow, StateRow


def bump(connection: Connection, **values: Any) -> None:
    """Raise the generation, and set other columns of the state, within a transaction."""
    changed = connection.execute(update(StateRow).values(generation=StateRow.generation + 1, **values))
    if not changed.rowcount:
        connection.execute(insert(StateRow).values(id=1, generation=1, **values))


def refresh_live(connection: Connection, ids: Sequence[int]) -> None:
    """Say again of these pictures whether some file holds them."""
    held = exists().where(FileRow.picture_id == PictureRow.id)
    for start in range(0, len(ids), 500):
        some = list(ids[start : start + 500])
        connection.execute(
            update(PictureRow).where(PictureRow.id.in_(some)).values(live=and_(held, ~PictureRow.removed))
        )


def unembedded(
    connection: Connection, index: int | None, after: int, limit: int, tower: str | None = None
) -> Sequence[Any]:
    """The next (id, path, sidecar_ns) of files to be read for an index: new, changed, or without a vector; also
    without features where the fingerprint of a tower is given."""
    query = select(FileRow.id, FileRow.path, FileRow.sidecar_ns).where(FileRow.id > after, _waits_for(index, tower))
    return connection.execute(query.order_by(FileRow.id).limit(limit)).all()


def count_unembedded(connection: Connection, index: int | None, tower: str | None = None) -> int:
    """How many files `unembedded` would give in all."""
    return connection.scalar(select(func.count()).select_from(FileRow).where(_waits_for(index, tower))) or 0


def _waits_for(index: int | None, tower: str | None) -> ColumnElement[bool]:
    has: ColumnElement[bool] = exists().where(
        EmbeddingRow.index_id == index, EmbeddingRow.picture_id == FileRow.picture_id
    )
    if tower is not None:
        sets = select(IndexRow.id).where(IndexRow.fingerprint == tower)
        kept = exists().where(EmbeddingRow.index_id.in_(sets), EmbeddingRow.picture_id == FileRow.picture_id)
        has = and_(has, kept)
    return or_(FileRow.state == PENDING, and_(FileRow.state == INDEXED, ~has))


def forget_files(connection: Connection, ids: Sequence[int]) -> None:
    """Drop file rows; pictures that no file holds any more leave the results and keep their vectors."""
    for start in range(0, len(ids), 500):
        some = list(ids[start : start + 500])
        held = select(FileRow.picture_id).where(FileRow.id.in_(some), FileRow.picture_id.is_not(None))
        pictures = [id for id in connection.scalars(held) if id is not None]
        connection.execute(delete(FileRow).where(FileRow.id.in_(some)))
        refresh_live(connection, pictures)
