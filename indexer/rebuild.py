"""Makes anew what can be made anew: vectors that differ from their checksums, marks, thumbnails."""

from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, exists, insert, select, update

from indexer.catalog import IndexInfo
from indexer.check import CHUNK, sound_rows, without_thumbnail
from indexer.collection import Collection
from indexer.errors import PictureError
from indexer.images import open_picture
from indexer.indexes import new_index, vector_file
from indexer.limits import Limits
from indexer.look import look
from indexer.reader import thumbnail_path, write_atomically
from indexer.tables import EmbeddingRow, FileRow, IndexRow, PictureRow
from indexer.transactions import bump
from indexer.types import OnProgress, Progress, Report
from indexer.vectors.file import VectorFile, row_crcs


def rebuild(collection: Collection, on_progress: OnProgress | None = None) -> Report:
    """Write the active index anew from its sound rows, and read again the pictures whose rows are not
    sound; all of them where another version of the encoder made it.

    Rows of pictures that are gone for good reason stay out, so the file is compacted too. The old
    index answers until the new one stands. Safe to stop: the next rebuild begins again.
    """
    index = collection.catalog.state().index
    with collection.writing():
        _repair_live(collection)
        if index is not None:
            _copy(collection, index, on_progress)
        _remake_thumbnails(collection, on_progress)
    return collection.index(verify=True, on_progress=on_progress)


def _repair_live(collection: Collection) -> None:
    held = exists().where(FileRow.picture_id == PictureRow.id)
    with collection.catalog.database.write() as connection:
        connection.execute(update(PictureRow).values(live=held & ~PictureRow.removed))
        bump(connection)


def _copy(collection: Collection, old: IndexInfo, on_progress: OnProgress | None) -> None:
    """A new index of the sound rows of live pictures takes the place of the old one."""
    settings, database = collection.settings, collection.catalog.database
    with database.write() as connection:
        stale = select(IndexRow.id).where(IndexRow.fingerprint == old.fingerprint, IndexRow.id != old.id)
        for id in connection.scalars(stale).all():
            _drop(connection, id)
            VectorFile(settings.vectors, str(id), old.dimension).delete()
        new = new_index(connection, old.encoder, old.fingerprint, old.dimension)
    sound = [row for row, good in sound_rows(collection, old, on_progress) if good]
    with database.read() as connection:
        dead = set(connection.scalars(select(PictureRow.id).where(~PictureRow.live)))
    source, target = vector_file(settings, old), vector_file(settings, new)
    stored = min(source.stored(), old.rows)
    vectors, ids = source.vectors(stored), source.ids(stored)
    keep = np.array([row for row in sound if int(ids[row]) not in dead], np.int64)
    with database.write() as connection:
        for start in range(0, len(keep), CHUNK):
            rows = keep[start : start + CHUNK]
            some = np.array(vectors[rows])
            target.append(some, ids[rows], start)
            values = [
                {"index_id": new.id, "picture_id": int(id), "row": start + n, "crc": crc}
                for n, (id, crc) in enumerate(zip(ids[rows], row_crcs(some), strict=True))
            ]
            connection.execute(insert(EmbeddingRow), values)
        connection.execute(update(IndexRow).where(IndexRow.id == new.id).values(rows=len(keep)))
        _drop(connection, old.id)
        bump(connection, active_index=new.id)
    source.delete()


def _drop(connection: Connection, id: int) -> None:
    connection.execute(delete(EmbeddingRow).where(EmbeddingRow.index_id == id))
    connection.execute(delete(IndexRow).where(IndexRow.id == id))


def _remake_thumbnails(collection: Collection, on_progress: OnProgress | None) -> None:
    settings, missing = collection.settings, list(without_thumbnail(collection))
    progress = Progress("thumbnails", 0, len(missing))
    limits = Limits.of(settings)
    for digest, path in missing:
        progress.done += 1
        if on_progress:
            on_progress(progress)
        try:
            picture = open_picture(Path(path), limits=limits, min_side=settings.thumbnail_size)
        except (PictureError, OSError):
            continue  # the index run that follows lists the file with its reason
        seen = look(picture.image, settings.thumbnail_size)
        write_atomically(thumbnail_path(settings, digest), seen.thumbnail)
