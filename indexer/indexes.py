"""The sets of vectors that a collection has: indexes, one for each encoder it was ever embedded with, one of which
answers; and the features that encoders with heads project their vectors from."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Connection, delete, exists, func, insert, select, update

from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.errors import DamageError, EncoderError
from indexer.records import IndexInfo, index_info
from indexer.tables import Base, EmbeddingRow, IndexRow, PictureRow, StateRow
from indexer.transactions import bump
from indexer.types import Encoder, Floats, Tower
from indexer.vectors import DEFAULT_KIND
from indexer.vectors.file import VectorFile

FEATURES = "features"
"""The kind of a set that holds a tower's features, in half precision: it never answers."""
_EMBEDDING = Base.metadata.tables[EmbeddingRow.__tablename__]


def index_for(catalog: Catalog, encoder: Encoder) -> IndexInfo:
    """The index of this very encoder, the answering one first; a new, empty one where there is none."""
    active = catalog.state().index
    if active is not None and active.fingerprint == encoder.fingerprint:
        return _fitting(active, encoder)
    query = select(IndexRow.__table__).where(IndexRow.fingerprint == encoder.fingerprint, IndexRow.kind != FEATURES)
    with catalog.database.write() as connection:
        row = connection.execute(query.order_by(IndexRow.id)).first()
        if row is not None:
            return _fitting(index_info(row), encoder)
        return new_index(connection, encoder.name, encoder.fingerprint, encoder.dimension)


def _fitting(index: IndexInfo, encoder: Encoder) -> IndexInfo:
    if index.dimension != encoder.dimension:
        raise EncoderError(
            f"{encoder.name} gives vectors of {encoder.dimension} numbers where its index has {index.dimension}: "
            "the model was changed in place, take it from where it came from again."
        )
    return index


def new_index(
    connection: Connection, encoder: str, fingerprint: str, dimension: int, kind: str = DEFAULT_KIND
) -> IndexInfo:
    """Enter an empty index into the catalogue."""
    created = datetime.now(UTC).replace(tzinfo=None)
    values = {"encoder": encoder, "fingerprint": fingerprint, "dimension": dimension, "kind": kind, "rows": 0}
    statement = insert(IndexRow).values(**values, created_at=created).returning(IndexRow.id)
    return IndexInfo(connection.execute(statement).scalar_one(), encoder, fingerprint, dimension, kind, 0, created)


def feature_sets(connection: Connection, tower: Tower) -> list[IndexInfo]:
    """The sets that hold a tower's features: an ordinary index, where the tower is an encoder of its own and the
    collection was embedded with it, then others."""
    query = select(IndexRow.__table__).where(IndexRow.fingerprint == tower.fingerprint)
    return [index_info(row) for row in connection.execute(query.order_by(IndexRow.kind == FEATURES, IndexRow.id))]


def feature_set_for(connection: Connection, encoder: str, tower: Tower) -> IndexInfo:
    """The set that new features go to; made where there is none, under the name of the encoder that asks first."""
    found = feature_sets(connection, tower)
    return found[0] if found else new_index(connection, encoder, tower.fingerprint, tower.dimension, FEATURES)


def stored_sets(connection: Connection) -> list[IndexInfo]:
    """Every set, features too, in the order they were made."""
    return [index_info(row) for row in connection.execute(select(IndexRow.__table__).order_by(IndexRow.id))]


def stored_index(catalog: Catalog, id: int) -> IndexInfo | None:
    """One set by its number; None where there is none."""
    with catalog.database.read() as connection:
        row = connection.execute(select(IndexRow.__table__).where(IndexRow.id == id)).one_or_none()
    return index_info(row) if row else None


def previous_index(catalog: Catalog) -> IndexInfo | None:
    """The index that answered before the one that does."""
    query = select(IndexRow.__table__).join(StateRow, StateRow.previous_index == IndexRow.id)
    with catalog.database.read() as connection:
        row = connection.execute(query).one_or_none()
    return index_info(row) if row else None


def coverage(catalog: Catalog, index: int) -> tuple[int, int]:
    """How many of the pictures that can be found have a vector in an index, and how many there are."""
    has = exists().where(EmbeddingRow.index_id == index, EmbeddingRow.picture_id == PictureRow.id)
    query = select(func.count()).select_from(PictureRow).where(PictureRow.live)
    with catalog.database.read() as connection:
        return connection.scalar(query.where(has)) or 0, connection.scalar(query) or 0


def activate(catalog: Catalog, index: IndexInfo) -> None:
    """Let an index answer from now on; the one that did is kept, to go back to."""
    active = catalog.state().index
    if active is None or active.id != index.id:
        with catalog.database.write() as connection:
            bump(connection, active_index=index.id, previous_index=active.id if active else None)


def append_rows(
    connection: Connection, settings: Settings, index: IndexInfo, ids: Sequence[int], vectors: Floats
) -> None:
    """The durable step's middle: vectors [n, dimension] of pictures that have none yet go to the file, behind the
    rows that count, and into the catalogue; they count once the transaction is committed."""
    at = connection.scalar(select(IndexRow.rows).where(IndexRow.id == index.id)) or 0
    crcs = vector_file(settings, index).append(vectors, np.asarray(ids, np.int64), at)
    rows = [
        {"index_id": index.id, "picture_id": id, "row": at + n, "crc": crc}
        for n, (id, crc) in enumerate(zip(ids, crcs, strict=True))
    ]
    connection.execute(insert(_EMBEDDING), rows)
    connection.execute(update(IndexRow).where(IndexRow.id == index.id).values(rows=at + len(rows)))


def forget_set(connection: Connection, id: int) -> None:
    """Take a set out of the catalogue; its file is the caller's to delete once that is committed."""
    connection.execute(delete(EmbeddingRow).where(EmbeddingRow.index_id == id))
    connection.execute(delete(IndexRow).where(IndexRow.id == id))
    connection.execute(update(StateRow).where(StateRow.previous_index == id).values(previous_index=None))


def vector_file(settings: Settings, index: IndexInfo) -> VectorFile:
    """The file that holds an index's vectors."""
    return VectorFile(settings.vectors, str(index.id), index.dimension, half=index.kind == FEATURES)


def check_stored(settings: Settings, index: IndexInfo) -> None:
    """Raise DamageError where the file holds fewer rows than the catalogue counts."""
    file = vector_file(settings, index)
    if file.stored() < index.rows:
        raise DamageError(
            f"{file.vectors_path} holds {file.stored()} of {index.rows} vectors: run `pixloom rebuild`, "
            "which reads the pictures concerned again."
        )
