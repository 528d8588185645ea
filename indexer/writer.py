"""Embeds what was read and commits it: vectors to the file first, then one transaction of the catalogue
that counts them. A process that dies in between leaves rows that do not count."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.indexes import append_rows, feature_set_for
from indexer.reader import Outcome
from indexer.records import IndexInfo
from indexer.tables import FAILED, INDEXED, Base, CaptionRow, EmbeddingRow, FileRow, KeywordRow, PictureRow
from indexer.transactions import bump, forget_files, refresh_live
from indexer.types import Encoder, Floats, Report

# Tables rather than mapped classes: statements over classes cost several times as much to prepare.
_PICTURE, _FILE, _EMBEDDING, _KEYWORD, _CAPTION = (
    Base.metadata.tables[row.__tablename__] for row in (PictureRow, FileRow, EmbeddingRow, KeywordRow, CaptionRow)
)
_COMMIT_ITEMS = 64
_COMMIT_SECONDS = 2.0

Turn = Callable[[], AbstractContextManager[bool]]
"""Makes a block within which nobody else writes; it gives False where the user stopped the wait for that."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture's vector [dimension], and the features [d] it was projected from where there are any."""

    vector: Floats
    features: Floats | None = None


class Writer:
    """Takes outcomes one by one and writes them in batches."""

    def __init__(
        self, catalog: Catalog, settings: Settings, index: IndexInfo, encoder: Encoder, report: Report, turn: Turn
    ) -> None:
        self.catalog, self.settings, self.index, self.encoder = catalog, settings, index, encoder
        self.report, self.turn = report, turn
        self.read: list[Outcome] = []
        self.done: list[tuple[Outcome, Embedded | None]] = []
        self.committed_at = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Take one outcome; embeds and commits when enough have come together."""
        if outcome.reading is None:
            self.done.append((outcome, None))
        else:
            self.read.append(outcome)
        if len(self.read) >= self.settings.batch_size:
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
        for outcome, embedded in zip(self.read, self._encode(inputs), strict=True):
            parts = (embedded.vector, embedded.features)
            if not all(np.isfinite(part).all() for part in parts if part is not None):
                outcome.error = "the encoder made no usable vector of it"
            if outcome.reading:
                outcome.reading.prepared = None
            self.done.append((outcome, embedded))
        self.read = []

    def _encode(self, inputs: Sequence[Any]) -> list[Embedded]:
        if self.encoder.tower is None:
            return [Embedded(vector) for vector in self.encoder.encode_pictures(inputs)]
        features = self.encoder.tower.features(inputs)
        return list(map(Embedded, self.encoder.tower.project(features), features))

    def _commit(self) -> None:
        if self.done:
            counted = Report()
            with self.turn() as held:
                if held:
                    with self.catalog.database.write() as connection:
                        _Batch(connection, self.settings, self.index, self.encoder, counted).write(self.done)
            self.report.interrupted |= not held
            self.done = []
            self.report.count(counted)
        self.committed_at = time.monotonic()


class _Batch:
    """One durable step. Everything is looked up again inside the transaction, so that writing the
    same outcomes twice (a stop between commit and clean-up) changes nothing."""

    def __init__(
        self, connection: Connection, settings: Settings, index: IndexInfo, encoder: Encoder, report: Report
    ) -> None:
        self.connection, self.settings, self.index = connection, settings, index
        self.encoder, self.report = encoder, report

    def write(self, done: Sequence[tuple[Outcome, Embedded | None]]) -> None:
        good = [(outcome, embedded) for outcome, embedded in done if not (outcome.error or outcome.gone)]
        outcomes = [outcome for outcome, _ in good]
        before = self._held([outcome.file_id for outcome, _ in done])
        known = self._known(outcomes)
        ids = {digest: row.id for digest, row in known.items()} | self._insert(outcomes, known)
        self._append({ids[outcome.hash]: embedded for outcome, embedded in good if embedded is not None})
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

    def _append(self, made: dict[int, Embedded]) -> None:
        """Vectors by picture id to the index, and features to their set: both count when this is committed, or
        neither does."""
        if not made:
            return
        new = self._append_to(self.index, {id: embedded.vector for id, embedded in made.items()})
        features = {id: embedded.features for id, embedded in made.items() if embedded.features is not None}
        if self.encoder.tower is not None:
            kept = feature_set_for(self.connection, self.encoder.name, self.encoder.tower)
            new |= self._append_to(kept, features)
        self.report.embedded += len(new)

    def _append_to(self, index: IndexInfo, vectors: dict[int, Floats]) -> set[int]:
        """Those that the set doesn't have; their picture ids."""
        query = select(EmbeddingRow.picture_id).where(
            EmbeddingRow.index_id == index.id, EmbeddingRow.picture_id.in_(list(vectors))
        )
        for id in self.connection.scalars(query).all():
            del vectors[id]
        if vectors:
            append_rows(self.connection, self.settings, index, list(vectors), np.stack(list(vectors.values())))
        return set(vectors)

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
