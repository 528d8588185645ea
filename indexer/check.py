"""Compares catalogue, vectors, thumbnails and FAISS."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import exists, func, select

from indexer.collection import Collection
from indexer.indexes import FEATURES, stored_sets, vector_file
from indexer.reader import thumbnail_path
from indexer.records import IndexInfo
from indexer.tables import EmbeddingRow, FileRow, PictureRow
from indexer.types import OnProgress, Progress
from indexer.vectors import open_store
from indexer.vectors.file import row_crcs

CHUNK = 8192
"""Rows compared at a time."""
_PROBES = 16
"""Vectors that are searched for, to compare FAISS with a plain scan."""


@dataclass(slots=True)
class Checkup:
    """What was compared, and one sentence for each disagreement."""

    pictures: int = 0
    vectors: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing disagrees."""
        return not self.problems


def check(collection: Collection, on_progress: OnProgress | None = None) -> Checkup:
    """Compare the catalogue with every vector file row by row, features too, with thumbnails, and with FAISS."""
    result = Checkup(pictures=collection.catalog.counts()["pictures"])
    active = collection.catalog.state().index
    with collection.catalog.database.read() as connection:
        sets = stored_sets(connection)
    for index in sets:
        answers = active is not None and index.id == active.id
        if answers:
            result.vectors = index.rows
        _check_set(collection, index, result, on_progress, answers=answers)
    _check_live(collection, result)
    missing = sum(1 for _ in without_thumbnail(collection))
    if missing:
        result.problems.append(f"{missing} thumbnails are missing")
    return result


def _check_set(
    collection: Collection, index: IndexInfo, result: Checkup, on_progress: OnProgress | None, *, answers: bool
) -> None:
    what = "features" if index.kind == FEATURES else "vectors"
    whose = "" if answers else f" of {index.encoder}"
    file = vector_file(collection.settings, index)
    with collection.catalog.database.read() as connection:
        counted = connection.scalar(
            select(func.count()).select_from(EmbeddingRow).where(EmbeddingRow.index_id == index.id)
        )
    if counted != index.rows:
        result.problems.append(f"the catalogue lists {counted} {what}{whose} and counts {index.rows}")
    if file.stored() < index.rows:
        result.problems.append(f"{file.vectors_path} holds {file.stored()} of {index.rows} {what}")
        return
    bad = [row for row, sound in sound_rows(collection, index, on_progress) if not sound]
    if bad:
        shown = ", ".join(map(str, bad[:10]))
        differ = "differ from the catalogue's checksums or pictures"
        result.problems.append(f"{len(bad)} {what}{whose} {differ} (rows {shown})")
    elif answers and not _faiss_agrees(collection, index):
        result.problems.append("FAISS and a plain scan give different results over the vector file")


def sound_rows(collection: Collection, index: IndexInfo, on_progress: OnProgress | None) -> Iterator[tuple[int, bool]]:
    """Every embedding row with whether the file holds what the catalogue says, in order of rows."""
    file = vector_file(collection.settings, index)
    stored = min(file.stored(), index.rows)
    vectors, ids = file.vectors(stored), file.ids(stored)
    progress = Progress("check", 0, index.rows)
    query = select(EmbeddingRow.row, EmbeddingRow.picture_id, EmbeddingRow.crc).where(EmbeddingRow.index_id == index.id)
    for start in range(0, index.rows, CHUNK):
        within = EmbeddingRow.row.between(start, start + CHUNK - 1)
        with collection.catalog.database.read() as connection:
            expected = connection.execute(query.where(within).order_by(EmbeddingRow.row)).all()
        crcs = row_crcs(vectors[start : start + CHUNK])
        for row, picture_id, crc in expected:
            held = row < stored
            yield row, held and crcs[row - start] == crc and int(ids[row]) == picture_id
        progress.done += len(expected)
        if on_progress:
            on_progress(progress)


def _faiss_agrees(collection: Collection, index: IndexInfo) -> bool:
    vectors = vector_file(collection.settings, index).vectors(index.rows)
    if not len(vectors):
        return True
    store = open_store(index.kind, index.dimension).extended(vectors)
    probes = np.array(vectors[np.linspace(0, len(vectors) - 1, min(_PROBES, len(vectors))).astype(int)])
    best = (vectors @ probes.T).max(axis=0)
    found = np.array([hits.scores[0] for hits in store.search(probes, 1)])
    return len(store) == index.rows and bool(np.allclose(best, found, atol=store.error))


def _check_live(collection: Collection, result: Checkup) -> None:
    held = exists().where(FileRow.picture_id == PictureRow.id)
    with collection.catalog.database.read() as connection:
        wrong = connection.scalar(
            select(func.count()).select_from(PictureRow).where(PictureRow.live != (held & ~PictureRow.removed))
        )
    if wrong:
        result.problems.append(f"{wrong} pictures are marked as present though no file holds them, or the reverse")


def without_thumbnail(collection: Collection) -> Iterator[tuple[str, str]]:
    """(hash, path) of live pictures whose thumbnail is missing."""
    query = select(PictureRow.hash, func.min(FileRow.path)).join(FileRow, FileRow.picture_id == PictureRow.id)
    with collection.catalog.database.read() as connection:
        for digest, path in connection.execute(query.where(PictureRow.live).group_by(PictureRow.hash)):
            if not thumbnail_path(collection.settings, digest).exists():
                yield digest, path
