"""Imports a data set: its pictures into the collection, and what it says of them into the catalogue."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from indexer.collection import Collection
from indexer.scan import stored_path
from indexer.sources.datasets import DataSet
from indexer.sources.items import Item
from indexer.sources.merge import merged
from indexer.sources.problems import Kind, Problems
from indexer.sources.source import Splits
from indexer.statements import items as said_before
from indexer.statements import retract, retract_pictures, source_id, splits_of, state
from indexer.tables import FileRow, PictureRow
from indexer.transactions import bump
from indexer.types import OnProgress, Progress, Report

_AT_ONCE = 500
_PATIENCE = 60.0
"""Seconds to wait for another process that began to write when the pictures had been read."""


@dataclass(slots=True)
class Imported:
    """What an import did: `report` of the pictures, counts of what was said of them, what was wrong with the data."""

    report: Report
    problems: Problems = field(default_factory=Problems)
    pictures: int = 0
    captions: int = 0
    labels: int = 0
    attributes: int = 0
    boxes: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Pictures that the data name and that can't be read."""


def import_items(
    collection: Collection,
    data: DataSet,
    *,
    encoder: str | None = None,
    retry: bool = False,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Imported:
    """Index the pictures that a data set names, nothing else in their folders, and enter what it says of them.

    What an earlier import of the same data set said is replaced, in one step: all of it, or of the split that is
    asked for. What sidecar files and other data sets say stays. Where the indexing is stopped, nothing is said yet;
    the next import goes on from there. Raises what reading the data and `Collection.index` raise; then nothing of
    the data set has been entered.
    """
    files: dict[str, set[str]] = {}
    if on_progress:
        on_progress(Progress("read"))
    for item in data:
        files.setdefault(os.path.dirname(item.path), set()).add(item.path.name)  # noqa: PTH120 - twice as quick
    report = collection.index(
        files=files, encoder=encoder, retry=retry, on_progress=on_progress, should_stop=should_stop
    )
    result = Imported(report, data.problems)
    if not report.interrupted:
        with collection.writing(_PATIENCE), collection.catalog.database.write() as connection:
            _Entry(connection, data, result, on_progress).enter(sum(map(len, files.values())))
            bump(connection)
    return result


class _Entry:
    """What one data set says, entered within one transaction."""

    def __init__(self, connection: Connection, data: DataSet, result: Imported, on_progress: OnProgress | None) -> None:
        self.connection, self.data, self.result, self.on_progress = connection, data, result, on_progress
        self.source = source_id(connection, data.format, data.path)
        self.entered: set[int] = set()

    def enter(self, total: int) -> None:
        """Replace what was said before by what the data say now."""
        asked = self.data.source.splits.asked
        known = splits_of(self.connection, self.source) if asked else None
        retract(self.connection, self.source, known and [name for name in known if Splits(asked).takes(name)])
        progress = Progress("enter", 0, total)
        for some in _batches(self.data):
            self._batch(some)
            progress.done += len(some)
            if self.on_progress:
                self.on_progress(progress)
        self.result.problems = self.data.problems
        self.result.pictures = len(self.entered)

    def _batch(self, some: list[Item]) -> None:
        found = list(self._with_ids(some))
        again = {id: item.path for id, item in found if id in self.entered}
        # Several files may hold one picture: what is said of each is said of it.
        said: dict[int, list[tuple[str, Item]]] = {}
        for id, item in [*said_before(self.connection, self.source, again), *found]:
            said.setdefault(id, []).append((str(item.path), item))
        now = [(id, next(merged(told, self.data.problems, key=lambda _: ""))) for id, told in said.items()]
        retract_pictures(self.connection, self.source, list(said))
        state(self.connection, self.source, now)
        self._count([item for _, item in found])
        self.entered |= set(said)

    def _with_ids(self, some: list[Item]) -> Iterator[tuple[int, Item]]:
        """Items with the pictures that their files hold; the others are listed as failed."""
        by_path = {stored_path(str(item.path)): item for item in some}
        rows = select(FileRow.path, FileRow.picture_id, FileRow.reason, PictureRow.removed)
        rows = rows.outerjoin(PictureRow, PictureRow.id == FileRow.picture_id).where(FileRow.path.in_(list(by_path)))
        files = {row.path: row for row in self.connection.execute(rows)}
        for path, item in by_path.items():
            row = files.get(path)
            if row is None or row.picture_id is None:
                self.result.failed.append((item.path, (row and row.reason) or "was gone when it was to be read"))
                continue
            if row.removed:
                what = "the picture was taken out of the collection: `pixloom index` with its path brings it back"
                self.data.problems.add(Kind.REMOVED, path, what)
            yield row.picture_id, item

    def _count(self, found: list[Item]) -> None:
        for item in found:
            for name in ("captions", "labels", "attributes", "boxes"):
                setattr(self.result, name, getattr(self.result, name) + len(getattr(item, name)))
            if item.split is not None:
                self.result.splits[item.split] = self.result.splits.get(item.split, 0) + 1


def _batches(data: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(data)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
