"""A change of models: another index is built beside the one that answers, and then takes its place."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, or_, select

from indexer import pipeline
from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.errors import EncoderError, NotFoundError, UsageError
from indexer.indexes import (
    FEATURES,
    activate,
    coverage,
    forget_set,
    index_for,
    previous_index,
    stored_sets,
    vector_file,
)
from indexer.reader import write_atomically
from indexer.records import IndexInfo
from indexer.tables import INDEXED, EmbeddingRow, FileRow, IndexRow
from indexer.transactions import bump
from indexer.types import Encoder, OnProgress, Progress, Report

if TYPE_CHECKING:
    from indexer.collection import Collection

_LAST = 4
"""Pictures that the swap itself may embed, while others wait to write; as long as more have come, it builds on."""


class Switch:
    """One change of models, under way; make it within `collection.switching()`.

    `build`, then `swap`: whatever is done is committed as it goes, so a change that was stopped or killed goes on
    where it stood when it is begun again. The index that answers is not touched before the swap.
    """

    def __init__(self, collection: "Collection", encoder: Encoder, report: Report | None = None) -> None:
        """To the index of `encoder`. Raises UsageError where pictures would be lost on the way, because the
        folder that holds them isn't there."""
        self.collection, self.encoder = collection, encoder
        self.report = Report() if report is None else report
        self.old = collection.catalog.state().index
        self.index = index_for(collection.catalog, encoder)
        self.needed = self.old is None or self.old.id != self.index.id
        """False where that index answers already."""
        if self.needed:
            self._refuse_losses()
            mark(collection.settings, self.index)

    @classmethod
    def to(cls, collection: "Collection", name: str, on_progress: OnProgress | None = None) -> "Switch":
        """To the encoder of that name, as it is on disk now. Raises what loading it raises."""
        if on_progress:
            on_progress(Progress("load encoder"))
        return cls(collection, collection.renewed_encoder(name))

    @classmethod
    def back(cls, collection: "Collection", on_progress: OnProgress | None = None) -> "Switch":
        """To the index that answered before; UsageError where there is none, EncoderError where the encoder that
        made it can't be had any more."""
        previous = require_previous(collection)
        if on_progress:
            on_progress(Progress("load encoder"))
        encoder = collection.encoder(previous.encoder, previous.fingerprint)
        if encoder.fingerprint != previous.fingerprint:
            raise EncoderError(
                f"There is no way back: the index before was made by another version of {previous.encoder}, which "
                f"isn't here any more. `pixloom models drop {previous.encoder}` frees its space."
            )
        return cls(collection, encoder)

    def build(self, on_progress: OnProgress | None = None, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Embed what waits for the index, holding the write lock for each commit only; False where it was stopped."""
        self._run(self.collection.turn, on_progress, should_stop)
        return not self.report.interrupted

    def swap(self, on_progress: OnProgress | None = None, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Let the index answer, once no picture that came meanwhile is missing from it; False where it was stopped."""
        while self.build(on_progress, should_stop):
            with self.collection.turn(should_stop) as held:
                if not held:
                    self.report.interrupted = True
                    break
                if self._waiting() > _LAST:
                    continue
                self._run(None, on_progress, should_stop)
                self.report.interrupted |= should_stop()
                if self.report.interrupted:
                    break
                activate(self.collection.catalog, self.index)
                _marker(self.collection.settings).unlink(missing_ok=True)
                return True
        return False

    def _run(
        self, turn: pipeline.TurnOf | None, on_progress: OnProgress | None, should_stop: Callable[[], bool]
    ) -> None:
        options = {"turn": turn} if turn else {}
        pipeline.run(
            self.collection.catalog,
            self.collection.settings,
            self.index,
            self.encoder,
            self.report,
            on_progress=on_progress,
            should_stop=should_stop,
            **options,
        )

    def _waiting(self) -> int:
        tower = self.encoder.tower.fingerprint if self.encoder.tower else None
        return pipeline.waiting(self.collection.catalog, self.index.id, tower)

    def _refuse_losses(self) -> None:
        for root in self.collection.catalog.roots():
            lost = 0 if root.exists() else self._unreachable(root)
            if lost:
                raise UsageError(
                    f"{root} isn't there, and {lost} of its files have yet to be read for {self.encoder.name}: attach "
                    f"it, or take it out of the collection with `pixloom forget {root}`."
                )

    def _unreachable(self, root: Path) -> int:
        """Files below a folder that is away whose pictures have neither a vector nor features."""
        sets = [IndexRow.id == self.index.id]
        if self.encoder.tower:
            sets.append(IndexRow.fingerprint == self.encoder.tower.fingerprint)
        has = exists().where(
            EmbeddingRow.picture_id == FileRow.picture_id,
            EmbeddingRow.index_id.in_(select(IndexRow.id).where(or_(*sets))),
        )
        below = FileRow.path.startswith(str(root).rstrip(os.sep) + os.sep, autoescape=True)
        query = select(func.count()).select_from(FileRow).where(or_(FileRow.path == str(root), below))
        with self.collection.catalog.database.read() as connection:
            return connection.scalar(query.where(FileRow.state == INDEXED, ~has)) or 0


def require_previous(collection: "Collection") -> IndexInfo:
    """The index that answered before; UsageError where there is none."""
    previous = previous_index(collection.catalog)
    if previous is None:
        raise UsageError(
            "There is nothing to go back to: the model has not been switched, or the old index was dropped."
        )
    return previous


def drop(collection: "Collection", name: str) -> int:
    """Delete the indexes of that encoder, whole or half-built, but never the one that answers; the bytes freed.

    Raises UsageError where only the one that answers is of that name, NotFoundError where none is, BusyError
    while it is being built.
    """
    settings, database = collection.settings, collection.catalog.database
    with ExitStack() as locks:
        if building(settings) is not None:
            locks.enter_context(collection.switching())
        locks.enter_context(collection.writing())
        active = collection.catalog.state().index
        with database.read() as connection:
            others = [s for s in stored_sets(connection) if s.kind != FEATURES and (not active or s.id != active.id)]
        doomed = [index for index in others if index.encoder == name]
        if not doomed:
            raise _nothing_to_drop(name, active, others)
        with database.write() as connection:
            for index in doomed:
                forget_set(connection, index.id)
            bump(connection)
        files = [vector_file(settings, index) for index in doomed]
        freed = sum(file.bytes() for file in files)
        for file in files:
            file.delete()
        if building(settings) in [index.id for index in doomed]:
            _marker(settings).unlink(missing_ok=True)
    return freed


def _nothing_to_drop(name: str, active: IndexInfo | None, others: list[IndexInfo]) -> UsageError:
    if active is not None and active.encoder == name:
        return UsageError(f"The index of {name} is the one that answers: switch to another model before you drop it.")
    there = ", ".join(sorted({index.encoder for index in others}))
    return NotFoundError(f"There is no index of {name} to drop; {f'there is: {there}' if there else 'there is none'}.")


def building(settings: Settings) -> int | None:
    """The index that a switch was begun to and hasn't arrived at, whether it is being built now or was stopped."""
    try:
        index: int = json.loads(_marker(settings).read_text())["index"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index


def mark(settings: Settings, index: IndexInfo) -> None:
    """Note the index that a switch is begun to."""
    write_atomically(_marker(settings), json.dumps({"index": index.id, "encoder": index.encoder}).encode())


def _marker(settings: Settings) -> Path:
    return settings.home / "switch.json"


def begun(catalog: Catalog, settings: Settings, active: IndexInfo | None) -> dict[str, Any] | None:
    """How far the index is that a switch was begun to, as `pixloom status` says it; None where there is none."""
    id = building(settings)
    with catalog.database.read() as connection:
        index = next((index for index in stored_sets(connection) if index.id == id), None)
    if index is None or (active is not None and index.id == active.id):
        return None
    done, total = coverage(catalog, index.id)
    return {"encoder": index.encoder, "pictures": done, "of": total}
