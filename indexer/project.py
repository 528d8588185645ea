"""Vectors from features that are kept: when the heads of an encoder change, no picture is read again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, exists, func, select
from sqlalchemy.orm import aliased

from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.indexes import append_rows, feature_sets, vector_file
from indexer.meter import Meter
from indexer.records import IndexInfo
from indexer.tables import EmbeddingRow
from indexer.transactions import bump
from indexer.types import Encoder, Floats, OnProgress, Report, Tower
from indexer.vectors.file import row_crcs
from indexer.writer import Turn

BLOCK = 4096
"""Rows that are in memory at a time, and are committed together."""


def project(
    catalog: Catalog,
    settings: Settings,
    index: IndexInfo,
    encoder: Encoder,
    report: Report,
    turn: Turn,
    *,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Give every picture that has features of the encoder's tower and no vector in `index` its vector.

    Rows that differ from their checksums are left out: those pictures are read again. When `should_stop` turns
    true, what is committed stays, and `report.interrupted` is set.
    """
    if encoder.tower is None:
        return
    with catalog.database.read() as connection:
        sets = feature_sets(connection, encoder.tower)
        total = sum(_count(connection, kept, index) for kept in sets)
    meter = Meter("project", total, on_progress)
    for kept, start in _blocks(sets) if total else ():
        if should_stop():
            report.interrupted = True
            return
        done = _project_block(catalog, settings, (kept, index), encoder.tower, start, turn)
        if done is None:
            report.interrupted = True
            return
        report.projected += done
        if done:
            meter.step(done)


def _blocks(sets: Sequence[IndexInfo]) -> Iterator[tuple[IndexInfo, int]]:
    for kept in sets:
        for start in range(0, kept.rows, BLOCK):
            yield kept, start


def _project_block(
    catalog: Catalog, settings: Settings, sets: tuple[IndexInfo, IndexInfo], tower: Tower, start: int, turn: Turn
) -> int | None:
    """The rows of one block, from the first set to the second; how many, None where the wait to write was stopped."""
    kept, index = sets
    query = _wanted(kept, index).where(EmbeddingRow.row.between(start, start + BLOCK - 1)).order_by(EmbeddingRow.row)
    with catalog.database.read() as connection:
        wanted = connection.execute(query).all()
    ids, features = _sound(settings, kept, wanted)
    if not ids:
        return 0
    vectors = dict(zip(ids, tower.project(features), strict=True))
    vectors = {id: vector for id, vector in vectors.items() if np.isfinite(vector).all()}
    with turn() as held:
        if not held:
            return None
        with catalog.database.write() as connection:
            still = {row.picture_id for row in connection.execute(query)}
            vectors = {id: vector for id, vector in vectors.items() if id in still}
            if vectors:
                append_rows(connection, settings, index, list(vectors), np.stack(list(vectors.values())))
                bump(connection)
    return len(vectors)


def _wanted(kept: IndexInfo, index: IndexInfo) -> Select[int, int, int]:
    """(row, picture_id, crc) of features whose picture has no vector in the index."""
    has = aliased(EmbeddingRow)
    missing = ~exists().where(has.index_id == index.id, has.picture_id == EmbeddingRow.picture_id)
    return select(EmbeddingRow.row, EmbeddingRow.picture_id, EmbeddingRow.crc).where(
        EmbeddingRow.index_id == kept.id, missing
    )


def _count(connection: Connection, kept: IndexInfo, index: IndexInfo) -> int:
    return connection.scalar(select(func.count()).select_from(_wanted(kept, index).subquery())) or 0


def _sound(settings: Settings, kept: IndexInfo, wanted: Sequence[Any]) -> tuple[list[int], Floats]:
    """Picture ids, and features [n, d] as a tower gives them, of the rows that are as the catalogue says."""
    file = vector_file(settings, kept)
    stored = min(file.stored(), kept.rows)
    wanted = [row for row in wanted if row.row < stored]
    rows = np.array([row.row for row in wanted], np.int64)
    # Mapped anew for each block: the pages of the last one are given back.
    features, owners = np.asarray(file.vectors(stored)[rows]), file.ids(stored)[rows]
    checked = zip(wanted, row_crcs(features), owners.tolist(), strict=True)
    sound = [row.crc == crc and row.picture_id == owner for row, crc, owner in checked]
    ids = [row.picture_id for row, good in zip(wanted, sound, strict=True) if good]
    # An ordinary index that serves as the set keeps more digits than a tower's features have.
    return ids, features[sound].astype(np.float16).astype(np.float32)
