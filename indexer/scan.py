"""Compares folders with the catalogue: which files are new, changed or gone since the last look."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from indexer.catalog import Catalog
from indexer.sources.folder import Found, Listing, look_at, walk
from indexer.tables import FAILED, INDEXED, PENDING, FileRow
from indexer.transactions import bump, forget_files, refresh_live
from indexer.types import OnProgress, Progress, Report

Named = Mapping[str, Collection[str]]
"""Names of files by their folder."""

_BATCH = 2000
"""Changes written in one transaction."""


def scan(
    catalog: Catalog,
    root: Path,
    *,
    home: Path,
    report: Report,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """Bring the file table in line with what lies at `root`, a folder or a file, and count into `report`.

    A file counts as changed when its size or times differ; it is then PENDING until the pipeline has
    read it. Files below a folder that can't be listed keep their state: they may only be out of
    reach. With `retry`, files that failed before are PENDING again.
    """
    changes = _Changes(catalog, report, retry)
    if root.is_file():
        changes.compare(look_at(str(root.parent), [root.name]), only={root.name})
    else:
        _scan_folder(changes, root, home, on_progress)
    changes.flush()


def scan_files(
    catalog: Catalog,
    files: Named,
    *,
    report: Report,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """The same for files that are named one by one, by folder; what else lies there is left alone.

    Folders that can't be listed are counted as missing, and what was known of their files is kept.
    """
    changes, progress = _Changes(catalog, report, retry), Progress("scan", 0, sum(map(len, files.values())))
    for folder, names in files.items():
        listing = look_at(folder, names)
        if listing.error:
            report.missing.append(Path(folder))
        else:
            changes.compare(listing, only=names)
        progress.done += len(names)
        if on_progress:
            on_progress(progress)
    changes.flush()


def loose_files(catalog: Catalog, roots: Sequence[Path]) -> dict[str, set[str]]:
    """Files in the catalogue that lie at or below no root: they came in by their names, with a data set."""
    found: dict[str, set[str]] = {}
    tops = {stored_path(str(root)) for root in roots}
    with catalog.database.read() as connection:
        for folder in connection.scalars(select(FileRow.folder).distinct()).all():
            if not any(_below(folder, top) for top in tops):
                paths = connection.scalars(select(FileRow.path).where(FileRow.folder == folder))
                names = {Path(path).name for path in paths if path not in tops}
                found |= {folder: names} if names else {}
    return found


def _scan_folder(changes: "_Changes", root: Path, home: Path, on_progress: OnProgress | None) -> None:
    progress = Progress("scan")
    visited, unreadable = set(), []
    for listing in walk(root, without=home):
        if listing.error:
            unreadable.append(listing.folder)
            changes.unlisted(listing)
            continue
        visited.add(listing.folder)
        changes.compare(listing)
        progress.done += len(listing.files)
        if on_progress:
            on_progress(progress)
    for folder in changes.known_folders(str(root)):
        if folder not in visited and not any(_below(folder, parent) for parent in unreadable):
            changes.compare(Listing(folder))


class _Changes:
    """Differences found so far, written in batches."""

    def __init__(self, catalog: Catalog, report: Report, retry: bool) -> None:
        self.catalog, self.report, self.retry = catalog, report, retry
        self.new: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.gone: list[int] = []

    def compare(self, listing: Listing, only: Collection[str] | None = None) -> None:
        """One folder's files against the catalogue's; `only` those names where they are given."""
        known = {row.path: row for row in self._known(listing.folder)}
        if only is not None:
            texts = {stored_path(name) for name in only}
            known = {path: row for path, row in known.items() if os.path.basename(path) in texts}  # noqa: PTH119
        for found in listing.files:
            path = stored_path(os.path.join(listing.folder, found.name))  # noqa: PTH118 - called for every file
            self._compare_file(path, found, known.pop(path, None), stored_path(listing.folder))
        # The row of a folder that could not be listed bears the folder's own path: it can be now.
        self.gone += [row.id for row in known.values()]
        self.report.gone += sum(row.state != FAILED for row in known.values())
        if len(self.new) + len(self.changed) + len(self.gone) >= _BATCH:
            self.flush()

    def unlisted(self, listing: Listing) -> None:
        """List a folder that can't be read among the failures, as a file of its own."""
        found = Found(listing.folder, FAILED, listing.error)
        known = {row.path: row for row in self._known(stored_path(listing.folder))}
        path = stored_path(listing.folder)
        self._compare_file(path, found, known.get(path), path)

    def known_folders(self, root: str) -> list[str]:
        """Folders at or below `root` that have files in the catalogue."""
        query = select(FileRow.folder).distinct().where(FileRow.folder.startswith(stored_path(root), autoescape=True))
        with self.catalog.database.read() as connection:
            return [folder for folder in connection.scalars(query) if _below(folder, stored_path(root))]

    def flush(self) -> None:
        """Write what has been collected."""
        if not (self.new or self.changed or self.gone):
            return
        with self.catalog.database.write() as connection:
            if self.new:
                connection.execute(insert(FileRow), self.new)
            _update_files(connection, self.changed)
            forget_files(connection, self.gone)
            bump(connection)
        self.new, self.changed, self.gone = [], [], []

    def _known(self, folder: str) -> Sequence[Any]:
        query = select(
            FileRow.id,
            FileRow.path,
            FileRow.state,
            FileRow.reason,
            FileRow.size,
            FileRow.mtime_ns,
            FileRow.sidecar_ns,
            FileRow.picture_id,
        )
        with self.catalog.database.read() as connection:
            return connection.execute(query.where(FileRow.folder == stored_path(folder))).all()

    def _compare_file(self, path: str, found: Found, known: Any | None, folder: str) -> None:
        stamp = {"size": found.size, "mtime_ns": found.mtime_ns, "sidecar_ns": found.sidecar_ns}
        values = {"path": path, "state": found.state, "reason": found.reason, **stamp}
        if found.state == FAILED and not (known and self._same(found, known)):
            self.report.failed.append((Path(path), found.reason or ""))
        if known is None:
            self.new.append(values | {"folder": folder, "picture_id": None})
            self.report.added += found.state == PENDING
        elif self._same(found, known):
            self.report.unchanged += found.state == PENDING
        else:
            keep = known.picture_id if found.state == PENDING else None
            self.changed.append(values | {"id": known.id, "picture_id": keep, "old": known.picture_id})
            self.report.changed += found.state == PENDING

    def _same(self, found: Found, known: Any) -> bool:
        if found.state != PENDING:
            return (found.state, found.reason) == (known.state, known.reason)
        if known.state not in (INDEXED, PENDING, FAILED) or (known.state == FAILED and self.retry):
            return False
        return (found.size, found.mtime_ns, found.sidecar_ns) == (known.size, known.mtime_ns, known.sidecar_ns)


def _update_files(connection: Connection, changed: list[dict[str, Any]]) -> None:
    for values in changed:
        old = values.pop("old")
        connection.execute(update(FileRow).where(FileRow.id == values["id"]).values(**values))
        if old is not None and values["picture_id"] is None:
            refresh_live(connection, [old])


def _below(folder: str, parent: str) -> bool:
    return folder == parent or folder.startswith(parent.rstrip(os.sep) + os.sep)


def stored_path(path: str) -> str:
    """The path as text that can be stored; a name that isn't UTF-8 is shown with backslashes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def expand(paths: Sequence[Path]) -> Iterator[Path]:
    """Absolute paths without doubles, `~` expanded; links in them stay as they are."""
    yield from dict.fromkeys(Path(os.path.abspath(path.expanduser())) for path in paths)  # noqa: PTH100
