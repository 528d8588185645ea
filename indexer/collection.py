"""A home folder, opened: the one object through which pictures come in."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import insert, select

from indexer import __version__, pipeline
from indexer.catalog import Catalog, IndexInfo, bump, count_unembedded, index_info
from indexer.config import Settings
from indexer.database import disk_error
from indexer.encoders import load_encoder
from indexer.errors import BusyError, DamageError, NotFoundError
from indexer.models import find
from indexer.scan import expand, scan
from indexer.tables import IGNORED, INDEXED, PENDING, IndexRow
from indexer.types import Encoder, OnProgress, Progress, Report
from indexer.vectors import DEFAULT_KIND
from indexer.vectors.file import VectorFile

Load = Callable[[str, Settings], Encoder]


class Collection:
    """Pictures, their catalogue and their vectors below `settings.home`. Close it when done."""

    def __init__(self, settings: Settings, load: Load = load_encoder) -> None:
        """Open, making the home folder where there is none; `load` turns a name into an encoder."""
        self.settings = settings
        self.catalog = Catalog(settings)
        self._load = load
        self._encoder: Encoder | None = None

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the catalogue's connections back."""
        self.catalog.close()

    def encoder(self, name: str) -> Encoder:
        """The encoder of that name, loaded once; `auto` is the one that suits this machine."""
        if self._encoder is None or self._encoder.name != name:
            self._encoder = self._load(name, self.settings)
        return self._encoder

    def notice(self, name: str) -> str | None:
        """What users must know whenever they see results of the encoder of that name."""
        if self._encoder is not None and self._encoder.name == name:
            return self._encoder.notice
        spec = find(name)
        return spec.notice if spec else None

    def index(
        self,
        paths: Sequence[Path] = (),
        *,
        encoder: str | None = None,
        retry: bool = False,
        verify: bool = False,
        wait: float = 0,
        on_progress: OnProgress | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Report:
        """Index files and folders, without any those that were indexed before; a second run does only
        what has changed.

        Another `encoder` than the index has makes a second index beside it, which answers once it is
        complete. `retry` reads files again that failed. `verify` loads the encoder even if nothing
        waits, and embeds all anew if it isn't the very one that made the index. `wait` is how many seconds another writer
        may take to end. Raises NotFoundError for a path that doesn't exist (before anything is
        done), BusyError while another process writes, EncoderError, HomeError.
        """
        started, report = time.monotonic(), Report()
        roots = list(expand(paths)) or self.catalog.roots()
        missing = [str(path) for path in roots if not path.exists()] if paths else []
        if missing:
            raise NotFoundError(f"There is no file or folder {', '.join(missing)}: check the spelling.")
        with self.writing(wait):
            if paths:
                self.catalog.add_roots(roots)
            for root in roots:
                if root.exists():  # a drive that is away keeps its pictures
                    scan(
                        self.catalog, root, home=self.settings.home, report=report, retry=retry, on_progress=on_progress
                    )
            self._embed(encoder or self.settings.encoder, verify, report, on_progress, should_stop)
        report.seconds = time.monotonic() - started
        return report

    @contextmanager
    def writing(self, wait: float = 0) -> Iterator[None]:
        """Hold the home folder's write lock; BusyError where another has it for longer than `wait` s."""
        lock = FileLock(self.settings.home / "write.lock", timeout=wait)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"Another process is indexing into {self.settings.home}: wait for it to end, "
                "or stop it; what it has done so far is kept."
            ) from error
        except OSError as error:
            raise disk_error(error, self.settings.home) from error
        try:
            yield
        finally:
            lock.release()

    def status(self) -> dict[str, Any]:
        """Counts and failures as in the interface's Status, sizes in bytes."""
        counts, state = self.catalog.counts(), self.catalog.state()
        index = state.index
        file = vector_file(self.settings, index) if index else None
        return {
            "encoder": index.encoder if index else None,
            "pictures": counts["pictures"],
            "files": counts.get(INDEXED, 0),
            "failed": [{"path": path, "reason": reason} for path, reason in self.catalog.failures()],
            "ignored": counts.get(IGNORED, 0),
            "pending": counts.get(PENDING, 0),
            "index": {
                "kind": index.kind if index else None,
                "dimension": index.dimension if index else None,
                "vectors": index.rows if index else 0,
                "bytes": file.bytes() if file else 0,
            },
            "jobs": {"waiting": 0, "running": 0},
            "version": __version__,
        }

    def _embed(
        self, name: str, verify: bool, report: Report, on_progress: OnProgress | None, should_stop: Callable[[], bool]
    ) -> None:
        active = self.catalog.state().index
        if name == "auto" and active is not None:
            name = active.encoder
        unchanged = active is None or (name == active.encoder and not verify)
        if unchanged and not self._waiting(active):
            return
        if on_progress:
            on_progress(Progress("load encoder"))  # takes seconds, or minutes where weights are fetched
        encoder = self.encoder(name)
        index = self._index_for(encoder, active)
        check_stored(self.settings, index)
        if active is None:
            self._activate(index)
        pipeline.run(
            self.catalog, self.settings, index, encoder, report, on_progress=on_progress, should_stop=should_stop
        )
        if not report.interrupted:
            self._activate(index)

    def _waiting(self, index: IndexInfo | None) -> int:
        with self.catalog.database.read() as connection:
            return count_unembedded(connection, index.id if index else None)

    def _index_for(self, encoder: Encoder, active: IndexInfo | None) -> IndexInfo:
        """The index of this very encoder; a new one where there is none yet."""
        if active is not None and active.fingerprint == encoder.fingerprint:
            return active
        query = select(IndexRow.__table__).where(IndexRow.fingerprint == encoder.fingerprint).order_by(IndexRow.id)
        with self.catalog.database.write() as connection:
            row = connection.execute(query).first()
            if row is not None:
                return index_info(row)
            return new_index(connection, encoder.name, encoder.fingerprint, encoder.dimension)

    def _activate(self, index: IndexInfo) -> None:
        state = self.catalog.state()
        if state.index is None or state.index.id != index.id:
            with self.catalog.database.write() as connection:
                bump(connection, active_index=index.id)


def new_index(connection: Any, encoder: str, fingerprint: str, dimension: int) -> IndexInfo:
    """Enter an empty index into the catalogue."""
    values = {"encoder": encoder, "fingerprint": fingerprint, "dimension": dimension, "kind": DEFAULT_KIND, "rows": 0}
    values["created_at"] = datetime.now(UTC).replace(tzinfo=None)
    id = connection.execute(insert(IndexRow).values(**values).returning(IndexRow.id)).scalar_one()
    return IndexInfo(id, encoder, fingerprint, dimension, DEFAULT_KIND, 0)


def vector_file(settings: Settings, index: IndexInfo) -> VectorFile:
    """The file that holds an index's vectors."""
    return VectorFile(settings.vectors, str(index.id), index.dimension)


def check_stored(settings: Settings, index: IndexInfo) -> None:
    """Raise DamageError where the file holds fewer rows than the catalogue counts."""
    file = vector_file(settings, index)
    if file.stored() < index.rows:
        raise DamageError(
            f"{file.vectors_path} holds {file.stored()} of {index.rows} vectors: run `pixloom rebuild`, "
            "which reads the pictures concerned again."
        )
