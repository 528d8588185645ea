"""Makes anew what can be made anew: vectors that differ from their checksums, marks, thumbnails."""

from pathlib import Path

import numpy as np
from sqlalchemy import Connection, exists, select, update

from indexer.check import CHUNK, sound_rows, without_thumbnail
from indexer.collection import Collection
from indexer.errors import PictureError
from indexer.images import open_picture
from indexer.indexes import FEATURES, append_rows, forget_set, new_index, stored_sets, vector_file
from indexer.limits import Limits
from indexer.look import look
from indexer.reader import thumbnail_path, write_atomically
from indexer.records import IndexInfo
from indexer.switch import building, mark
from indexer.tables import FileRow, PictureRow, StateRow
from indexer.transactions import bump
from indexer.types import OnProgress, Progress, Report
from indexer.vectors import DEFAULT_KIND


def rebuild(collection: Collection, on_progress: OnProgress | None = None) -> Report:
    """Write every set of vectors anew from its sound rows, and read again the pictures whose rows in the active
    one, or whose features, are not sound; all of them where another version of the encoder made it.

    Rows of pictures that are gone for good reason stay out, so the files are compacted too. The old
    index answers until the new one stands. Safe to stop: the next rebuild begins again. Raises BusyError
    while the model is being switched.
    """
    with collection.switching(), collection.writing():
        _repair_live(collection)
        _drop_debris(collection)
        with collection.catalog.database.read() as connection:
            sets = stored_sets(connection)
        for index in sets:
            _copy(collection, index, on_progress)
        _remake_thumbnails(collection, on_progress)
    return collection.index(verify=True, on_progress=on_progress)


def _drop_debris(collection: Collection) -> None:
    """Delete the empty copies that a rebuild has left that was stopped: sets of a fingerprint of which a fuller one
    of the same kind is there."""
    state, begun = collection.catalog.state(), building(collection.settings)
    with collection.catalog.database.write() as connection:
        sets = stored_sets(connection)
        used = {state.index.id if state.index else None, begun}
        debris = [one for one in sets if one.rows == 0 and one.id not in used and _has_twin(one, sets)]
        for one in debris:
            forget_set(connection, one.id)
    for one in debris:
        vector_file(collection.settings, one).delete()


def _has_twin(one: IndexInfo, sets: list[IndexInfo]) -> bool:
    return any(
        other.id != one.id and (other.fingerprint, other.kind == FEATURES) == (one.fingerprint, one.kind == FEATURES)
        for other in sets
    )


def _repair_live(collection: Collection) -> None:
    held = exists().where(FileRow.picture_id == PictureRow.id)
    with collection.catalog.database.write() as connection:
        connection.execute(update(PictureRow).values(live=held & ~PictureRow.removed))
        bump(connection)


def _copy(collection: Collection, old: IndexInfo, on_progress: OnProgress | None) -> None:
    """A new set of the sound rows of live pictures takes the place of the old one."""
    settings, database = collection.settings, collection.catalog.database
    with database.write() as connection:
        kind = FEATURES if old.kind == FEATURES else DEFAULT_KIND
        new = new_index(connection, old.encoder, old.fingerprint, old.dimension, kind)
    sound = [row for row, good in sound_rows(collection, old, on_progress) if good]
    with database.read() as connection:
        dead = set(connection.scalars(select(PictureRow.id).where(~PictureRow.live)))
    source = vector_file(settings, old)
    stored = min(source.stored(), old.rows)
    vectors, ids = source.vectors(stored), source.ids(stored)
    keep = np.array([row for row in sound if int(ids[row]) not in dead], np.int64)
    begun = building(settings)
    with database.write() as connection:
        for start in range(0, len(keep), CHUNK):
            rows = keep[start : start + CHUNK]
            append_rows(connection, settings, new, ids[rows].tolist(), np.asarray(vectors[rows]))
        takes = _places(connection, old, new)
        forget_set(connection, old.id)
        bump(connection, **takes)
    if begun == old.id:
        mark(settings, new)
    source.delete()


def _places(connection: Connection, old: IndexInfo, new: IndexInfo) -> dict[str, int]:
    """The columns of the state that name the old set, with the new one in them."""
    state = connection.execute(select(StateRow.active_index, StateRow.previous_index)).one()
    return {name: new.id for name, id in state._asdict().items() if id == old.id}


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
