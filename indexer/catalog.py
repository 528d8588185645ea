"""What is known of the collection: reading the catalogue, and the few changes that are made by hand."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from indexer.config import Settings
from indexer.database import Database, disk_error
from indexer.errors import NotFoundError
from indexer.job_tables import RUNNING, WAITING, JobRow
from indexer.records import Record, State, index_info, record_of
from indexer.statements import forget_sources, sources
from indexer.tables import (
    FAILED,
    EmbeddingRow,
    FileRow,
    IndexRow,
    PictureRow,
    RootRow,
    StateRow,
)
from indexer.transactions import bump, forget_files, refresh_live

# The questions of every search and every file, put together once: that costs more than asking them.
_STATE = (
    select(StateRow.generation, *IndexRow.__table__.columns)
    .select_from(StateRow)
    .outerjoin(IndexRow, IndexRow.id == StateRow.active_index)
)
_PATHS = (
    select(FileRow.picture_id, func.min(FileRow.path))
    .join(PictureRow, PictureRow.id == FileRow.picture_id)
    .where(FileRow.picture_id.in_(bindparam("ids", expanding=True)), PictureRow.live)
    .group_by(FileRow.picture_id)
)
_HAS_EMBEDDING = (
    select(EmbeddingRow.row)
    .join(PictureRow, PictureRow.id == EmbeddingRow.picture_id)
    .where(EmbeddingRow.index_id == bindparam("index"), PictureRow.hash == bindparam("hash"))
)
_HAS_FEATURES = (
    select(EmbeddingRow.row)
    .join(PictureRow, PictureRow.id == EmbeddingRow.picture_id)
    .join(IndexRow, IndexRow.id == EmbeddingRow.index_id)
    .where(IndexRow.fingerprint == bindparam("tower"), PictureRow.hash == bindparam("hash"))
    .limit(1)
)

_LARGEST_ID = 2**31 - 1
"""Databases refuse larger numbers with an error of their own."""


class Catalog:
    """Questions to the catalogue; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        """Open the catalogue of `settings.home`, making both where they don't exist."""
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, settings.home) from error
        self.database = Database(settings.catalog_url, settings.home)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def state(self) -> State:
        """The generation, which every change raises, and the index that answers."""
        with self.database.read() as connection:
            row = connection.execute(_STATE).one_or_none()
        if row is None:
            return State(0, None)
        return State(row.generation, index_info(row) if row.id is not None else None)

    def roots(self) -> list[Path]:
        """The folders and files that were asked to be indexed."""
        with self.database.read() as connection:
            return [Path(path) for path in connection.scalars(select(RootRow.path).order_by(RootRow.path))]

    def add_roots(self, roots: Sequence[Path]) -> None:
        """Remember folders and files as asked for, unless they lie below others that were."""
        with self.database.write() as connection:
            known = {Path(path) for path in connection.scalars(select(RootRow.path))}
            for root in roots:
                if known.isdisjoint([root, *root.parents]):
                    known.add(root)
                    connection.execute(insert(RootRow).values(path=str(root)))

    def counts(self) -> dict[str, int]:
        """Files by state, and `pictures`: the distinct contents that can be found."""
        with self.database.read() as connection:
            found = connection.execute(select(FileRow.state, func.count().label("files")).group_by(FileRow.state))
            counts = {row.state: row.files for row in found}
            live = select(func.count()).select_from(PictureRow).where(PictureRow.live)
            return counts | {"pictures": connection.scalar(live) or 0}

    def jobs(self) -> dict[str, int]:
        """How many jobs are waiting, and how many are running."""
        query = select(JobRow.state, func.count().label("jobs")).where(JobRow.state.in_((WAITING, RUNNING)))
        with self.database.read() as connection:
            found = {row.state: row.jobs for row in connection.execute(query.group_by(JobRow.state))}
        return {state: found.get(state, 0) for state in (WAITING, RUNNING)}

    def failures(self) -> list[tuple[str, str]]:
        """(path, reason) of every file that couldn't be read, by path."""
        query = select(FileRow.path, FileRow.reason).where(FileRow.state == FAILED).order_by(FileRow.path)
        with self.database.read() as connection:
            return [(path, reason or "") for path, reason in connection.execute(query)]

    def paths(self, ids: Sequence[int]) -> dict[int, str]:
        """The first path of each live picture among `ids`."""
        with self.database.read() as connection:
            return {int(id): path for id, path in connection.execute(_PATHS, {"ids": list(ids)}) if id is not None}

    def find(self, *, path: Path | None = None, hash: str | None = None) -> int | None:
        """The live picture that this path holds, or that has this content; None where there is none."""
        query = select(PictureRow.id).where(PictureRow.live)
        if path is not None:
            query = query.join(FileRow, FileRow.picture_id == PictureRow.id).where(FileRow.path == str(path))
        if hash is not None:
            query = query.where(PictureRow.hash == hash)
        with self.database.read() as connection:
            return connection.scalar(query)

    def picture(self, id: int) -> Record:
        """Everything known of one live picture; NotFoundError where there is none."""
        with self.database.read() as connection:
            query = select(PictureRow.__table__).where(PictureRow.id == id, PictureRow.live)
            row = connection.execute(query).one_or_none() if id <= _LARGEST_ID else None
            if row is None:
                raise NotFoundError(f"There is no picture #{id} in the collection.")
            return record_of(connection, row)

    def newest(self, limit: int, before: int | None = None) -> list[int]:
        """Ids of live pictures, newest first, below `before` where it is given (for paging)."""
        query = select(PictureRow.id).where(PictureRow.live).order_by(PictureRow.id.desc()).limit(limit)
        if before is not None:
            query = query.where(PictureRow.id < before)
        with self.database.read() as connection:
            return list(connection.scalars(query))

    def dead(self) -> list[int]:
        """Ids of pictures that must not be found: no file holds them, or the user removed them."""
        with self.database.read() as connection:
            return list(connection.scalars(select(PictureRow.id).where(~PictureRow.live)))

    def has_embedding(self, index: int, hash: str) -> bool:
        """Whether the content `hash` has a vector in the index."""
        with self.database.read() as connection:
            return connection.scalar(_HAS_EMBEDDING, {"index": index, "hash": hash}) is not None

    def has_features(self, tower: str, hash: str) -> bool:
        """Whether features of the content `hash` are kept, as the tower of that fingerprint made them."""
        with self.database.read() as connection:
            return connection.scalar(_HAS_FEATURES, {"tower": tower, "hash": hash}) is not None

    def remove(self, id: int) -> Record:
        """Take a picture out of the collection, whatever files hold it; they are left as they are."""
        record = self.picture(id)
        with self.database.write() as connection:
            connection.execute(update(PictureRow).where(PictureRow.id == id).values(removed=True))
            refresh_live(connection, [id])
            bump(connection)
        return record

    def restore(self, hash: str) -> None:
        """Take back the `remove` of a content: it may be found again as soon as a file holds it."""
        removed = select(PictureRow.id).where(PictureRow.hash == hash, PictureRow.removed)
        with self.database.write() as connection:
            id = connection.scalar(removed)
            if id is not None:
                connection.execute(update(PictureRow).where(PictureRow.id == id).values(removed=False))
                refresh_live(connection, [id])
                bump(connection)

    def restore_files(self, paths: Sequence[Path]) -> None:
        """The same for what these files hold."""
        names = [str(path) for path in paths]
        held = select(PictureRow.hash).join(FileRow, FileRow.picture_id == PictureRow.id)
        with self.database.read() as connection:
            hashes = connection.scalars(held.where(FileRow.path.in_(names), PictureRow.removed)).all()
        for digest in hashes:
            self.restore(digest)

    def forget(self, paths: Sequence[Path]) -> int:
        """Drop files, folders with all below, and what was asked for by their names, as if they had never been
        there; the number of files dropped."""
        dropped = 0
        with self.database.write() as connection:
            for path in map(str, paths):
                for table in (FileRow, RootRow):
                    below = table.path.startswith(path.rstrip(os.sep) + os.sep, autoescape=True)
                    rows = connection.execute(select(table.id, table.path).where(or_(table.path == path, below)))
                    # LIKE takes capitals for small letters on SQLite.
                    ids = [row.id for row in rows if row.path.startswith(path)]
                    if table is FileRow:
                        forget_files(connection, ids)
                        dropped += len(ids)
                    else:
                        connection.execute(delete(RootRow).where(RootRow.id.in_(ids)))
            bump(connection)
        return dropped

    def sources(self) -> list[dict[str, Any]]:
        """The data sets that were imported, with how many pictures they name."""
        with self.database.read() as connection:
            return sources(connection)

    def forget_sources(self, path: Path) -> int:
        """Drop what data sets at or below a path said of pictures; how many data sets."""
        with self.database.write() as connection:
            dropped = forget_sources(connection, str(path))
            bump(connection)
        return dropped
