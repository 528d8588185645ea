"""Embeds what was read and commits it: vectors to the file first, then one transaction of the catalogue
that counts them. A process that dies in between leaves rows that do not count."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from indexer.catalog import Catalog, IndexInfo
from indexer.config import Settings
from indexer.reader import Outcome
from indexer.tables import FAILED, INDEXED, Base, CaptionRow, EmbeddingRow, FileRow, IndexRow, KeywordRow, PictureRow
from indexer.transactions import bump, forget_files, refresh_live
from indexer.types import Encoder, Floats, Report
from indexer.vectors.file import VectorFile, row_crcs

# Tables rather than mapped classes: statements over classes cost several times as much to prepare.
_PICTURE, _FILE, _EMBEDDING, _KEYWORD, _CAPTION = (
    Base.metadata.tables[row.__tablename__] for row in (PictureRow, FileRow, EmbeddingRow, KeywordRow, CaptionRow)
)
_COMMIT_ITEMS = 64
_COMMIT_SECONDS = 2.0


class Writer:
    """Takes outcomes one by one and writes them in batches."""

    def __init__(
        self, catalog: Catalog, settings: Settings, index: IndexInfo, encoder: Encoder, report: Report
    ) -> None:
        self.catalog, self.index, self.encoder, self.report = catalog, index, encoder, report
        self.batch_size = settings.batch_size
        self.vectors = VectorFile(settings.vectors, str(index.id), index.dimension)
        self.read: list[Outcome] = []
        self.done: list[tuple[Outcome, Floats | None]] = []
        self.committed_at = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Take one outcome; embeds and commits when enough have come together."""
        if outcome.reading is None:
            self.done.append((outcome, None))
        else:
            self.read.append(outcome)
        if len(self.read) >= self.batch_size:
            self._embed()
        if len(self.done) >= _COMMIT_ITEMS or time.monotonic() - self.committed_at > _COMMIT_SECONDS:
            self._commit()

    def flush(self) -> None:
        """Embed and commit all that was taken."""
        self._embed()
        self._commit()

    def _embed(self) -> None:
        if not self.read:
            return
        inputs = [outcome.reading.prepared for outcome in self.read if outcome.reading]
        for outcome, vector in zip(self.read, self.encoder.encode_pictures(inputs), strict=True):
            if not np.isfinite(vector).all():
                outcome.error = "the encoder made no usable vector of it"
            if outcome.reading:
                outcome.reading.prepared = None
            self.done.append((outcome, vector))
        self.read = []

    def _commit(self) -> None:
        if self.done:
            counted = Report()
            with self.catalog.database.write() as connection:
                _Batch(connection, self.index, self.vectors, counted).write(self.done)
            self.done = []
            _count(self.report, counted)
        self.committed_at = time.monotonic()


class _Batch:
    """One durable step. Everything is looked up again inside the transaction, so that writing the
    same outcomes twice (a stop between commit and clean-up) changes nothing."""

    def __init__(self, connection: Connection, index: IndexInfo, vectors: VectorFile, report: Report) -> None:
        self.connection, self.index, self.vectors, self.report = connection, index, vectors, report

    def write(self, done: Sequence[tuple[Outcome, Floats | None]]) -> None:
        good = [(outcome, vector) for outcome, vector in done if not (outcome.error or outcome.gone)]
        outcomes = [outcome for outcome, _ in good]
        before = self._held([outcome.file_id for outcome, _ in done])
        known = self._known(outcomes)
        ids = {digest: row.id for digest, row in known.items()} | self._insert(outcomes, known)
        self._append({ids[outcome.hash]: vector for outcome, vector in good if vector is not None})
        self._describe({ids[outcome.hash]: outcome for outcome in outcomes}, set(known))
        self._link(outcomes, ids)
        self.report.moved += self._drop_stale([row.id for row in known.values() if row.live])
        self._fail([outcome for outcome, _ in done if outcome.error])
        forget_files(self.connection, [outcome.file_id for outcome, _ in done if outcome.gone])
        refresh_live(self.connection, sorted({*ids.values(), *before}))
        bump(self.connection)
        self.report.moved += sum(not row.live and not row.removed for row in known.values())

    def _held(self, file_ids: list[int]) -> list[int]:
        query = select(FileRow.picture_id).where(FileRow.id.in_(file_ids))
        return [id for id in self.connection.scalars(query) if id is not None]

    def _known(self, outcomes: Iterable[Outcome]) -> dict[str, Any]:
        query = select(PictureRow.hash, PictureRow.id, PictureRow.live, PictureRow.removed)
        query = query.where(PictureRow.hash.in_({outcome.hash for outcome in outcomes}))
        return {row.hash: row for row in self.connection.execute(query)}

    def _insert(self, outcomes: Iterable[Outcome], known: dict[str, Any]) -> dict[str, int]:
        """New pictures; their ids by content."""
        new = {outcome.hash: outcome for outcome in outcomes if outcome.hash not in known}
        if not new:
            return {}
        values = [{"hash": digest, **_look_values(o), **_metadata_values(o)} for digest, o in new.items()]
        statement = insert(_PICTURE).returning(_PICTURE.c.id, sort_by_parameter_order=True)
        return dict(zip(new, self.connection.scalars(statement, values), strict=True))

    def _append(self, vectors: dict[int, Floats]) -> None:
        """Vectors by picture id: to the file, then to the catalogue."""
        query = select(EmbeddingRow.picture_id).where(
            EmbeddingRow.index_id == self.index.id, EmbeddingRow.picture_id.in_(list(vectors))
        )
        for id in self.connection.scalars(query).all():
            del vectors[id]
        if not vectors:
            return
        ids, stacked = list(vectors), np.stack(list(vectors.values())).astype(np.float32)
        at = self.connection.scalar(select(IndexRow.rows).where(IndexRow.id == self.index.id)) or 0
        self.vectors.append(stacked, np.array(ids, np.int64), at)
        rows = [
            {"index_id": self.index.id, "picture_id": id, "row": at + n, "crc": crc}
            for n, (id, crc) in enumerate(zip(ids, row_crcs(stacked), strict=True))
        ]
        self.connection.execute(insert(_EMBEDDING), rows)
        self.connection.execute(update(IndexRow).where(IndexRow.id == self.index.id).values(rows=at + len(ids)))
        self.report.embedded += len(ids)

    def _describe(self, outcomes: dict[int, Outcome], known: set[str]) -> None:
        """Metadata, keywords and captions by picture id, in place of what was there."""
        again = {id: outcome for id, outcome in outcomes.items() if outcome.metadata and outcome.hash in known}
        for id, outcome in again.items():
            self.connection.execute(update(_PICTURE).where(_PICTURE.c.id == id).values(**_metadata_values(outcome)))
            self.connection.execute(delete(_KEYWORD).where(_KEYWORD.c.picture_id == id))
        self._insert_all(
            _KEYWORD,
            [
                {"picture_id": id, "text": word}
                for id, outcome in outcomes.items()
                if outcome.metadata
                for word in dict.fromkeys(word[:256] for word in outcome.metadata.keywords)
            ],
        )
        captioned = {id: outcome.captions for id, outcome in outcomes.items() if outcome.captions}
        if captioned:
            own = _CAPTION.c.source_id.is_(None)  # the others are what data sets say
            self.connection.execute(delete(_CAPTION).where(_CAPTION.c.picture_id.in_(list(captioned)), own))
        self._insert_all(
            _CAPTION,
            [
                {"picture_id": id, "language": caption.language, "text": caption.text}
                for id, captions in captioned.items()
                for caption in captions
            ],
        )

    def _link(self, outcomes: list[Outcome], ids: dict[str, int]) -> None:
        values = [
            {"this": o.file_id, "picture_id": ids[o.hash], "size": o.size, "mtime_ns": o.mtime_ns} for o in outcomes
        ]
        if values:
            statement = update(_FILE).where(_FILE.c.id == bindparam("this")).values(state=INDEXED, reason=None)
            self.connection.execute(statement, values)

    def _drop_stale(self, ids: list[int]) -> int:
        """Files of these pictures that are no longer where they were: the one just linked is where they went."""
        query = select(_FILE.c.id, _FILE.c.path).where(_FILE.c.picture_id.in_(ids))
        stale = [row.id for row in self.connection.execute(query) if not Path(row.path).exists()]
        forget_files(self.connection, stale)
        return len(stale)

    def _fail(self, failed: list[Outcome]) -> None:
        for outcome in failed:
            values: dict[str, Any] = {"state": FAILED, "reason": outcome.error, "picture_id": None}
            if outcome.retry:
                values["mtime_ns"] = -1  # looks changed to the next scan
            self.connection.execute(update(_FILE).where(_FILE.c.id == outcome.file_id).values(**values))
            self.report.failed.append((outcome.path, outcome.error or ""))

    def _insert_all(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(insert(table), rows)


def _metadata_values(outcome: Outcome) -> dict[str, Any]:
    assert outcome.metadata is not None, "a content without metadata is known"
    names = ("width", "height", "format", "camera", "lens", "latitude", "longitude", "rating", "title", "description")
    taken = outcome.metadata.captured_at
    values = {name: getattr(outcome.metadata, name) for name in names}
    return values | {"captured_at": taken.replace(tzinfo=None) if taken else None}


def _look_values(outcome: Outcome) -> dict[str, Any]:
    assert outcome.reading is not None, "a content without a reading is known"
    seen = outcome.reading.look
    return {
        "bytes": outcome.size,
        "phash": seen.phash,
        "colours": [list(colour) for colour in seen.colours],
        "live": True,
        "removed": False,
        "added_at": datetime.now(UTC).replace(tzinfo=None),
    }


def _count(report: Report, batch: Report) -> None:
    report.embedded += batch.embedded
    report.moved += batch.moved
    report.added -= batch.moved
    report.gone -= min(batch.moved, report.gone)  # a file that moved is not gone
    report.failed += batch.failed
