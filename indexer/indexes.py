"""The sets of vectors that a collection has: one for each encoder it was ever embedded with, one of which answers."""

from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from indexer.catalog import Catalog, IndexInfo, index_info
from indexer.config import Settings
from indexer.errors import DamageError
from indexer.tables import IndexRow
from indexer.transactions import bump
from indexer.types import Encoder
from indexer.vectors import DEFAULT_KIND
from indexer.vectors.file import VectorFile


def index_for(catalog: Catalog, encoder: Encoder) -> IndexInfo:
    """The index of this very encoder, the answering one first; a new, empty one where there is none."""
    active = catalog.state().index
    if active is not None and active.fingerprint == encoder.fingerprint:
        return active
    query = select(IndexRow.__table__).where(IndexRow.fingerprint == encoder.fingerprint).order_by(IndexRow.id)
    with catalog.database.write() as connection:
        row = connection.execute(query).first()
        if row is not None:
            return index_info(row)
        return new_index(connection, encoder.name, encoder.fingerprint, encoder.dimension)


def new_index(connection: Connection, encoder: str, fingerprint: str, dimension: int) -> IndexInfo:
    """Enter an empty index into the catalogue."""
    values = {"encoder": encoder, "fingerprint": fingerprint, "dimension": dimension, "kind": DEFAULT_KIND, "rows": 0}
    statement = insert(IndexRow).values(**values, created_at=datetime.now(UTC).replace(tzinfo=None))
    id = connection.execute(statement.returning(IndexRow.id)).scalar_one()
    return IndexInfo(id, encoder, fingerprint, dimension, DEFAULT_KIND, 0)


def activate(catalog: Catalog, index: IndexInfo) -> None:
    """Let an index answer from now on; the one that did is kept."""
    active = catalog.state().index
    if active is None or active.id != index.id:
        with catalog.database.write() as connection:
            bump(connection, active_index=index.id)


def vector_file(settings: Settings, index: IndexInfo) -> VectorFile:
    """The file that holds an index's vectors."""
    return VectorFile(settings.vectors, str(index.id), index.dimension)


def check_stored(settings: Settings, index: IndexInfo) -> None:
    """Raise DamageError where the file holds fewer rows than the catalogue counts."""
    file = vector_file(settings, index)
    if file.stored() < index.rows:
        raise DamageError(
            f"{file.vectors_path} holds {file.stored()} of {index.rows} vectors: run `pixloom rebuild`, "
            "which reads the pictures concerned again."
        )
