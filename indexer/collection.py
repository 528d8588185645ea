"""A home folder, opened: the one object through which pictures come in."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout

from indexer import __version__, pipeline
from indexer.catalog import Catalog, IndexInfo
from indexer.config import Settings
from indexer.database import disk_error
from indexer.encoders import load_encoder
from indexer.encoders.serial import SerialEncoder
from indexer.errors import BusyError, NotFoundError, UsageError
from indexer.indexes import activate, check_stored, index_for, vector_file
from indexer.models import find
from indexer.scan import Named, expand, loose_files, scan, scan_files
from indexer.tables import IGNORED, INDEXED, PENDING
from indexer.transactions import count_unembedded
from indexer.types import Encoder, OnProgress, Progress, Report

Load = Callable[[str, Settings], Encoder]


class Collection:
    """Pictures, their catalogue and their vectors below `settings.home`. Close it when done."""

    def __init__(self, settings: Settings, load: Load = load_encoder) -> None:
        """Open, making the home folder where there is none; `load` turns a name into an encoder."""
        self.settings = settings
        self.catalog = Catalog(settings)
        self._load = load
        self._encoder: Encoder | None = None
        self._asked = ""
        self._loading = Lock()

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the catalogue's connections back."""
        self.catalog.close()

    def encoder(self, name: str) -> Encoder:
        """The encoder of that name, loaded once; `auto` is the one that suits this machine."""
        with self._loading:
            if self._encoder is None or name not in (self._encoder.name, self._asked):
                self._encoder, self._asked = SerialEncoder(self._load(name, self.settings)), name
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
        files: Named | None = None,
        encoder: str | None = None,
        retry: bool = False,
        verify: bool = False,
        wait: float = 0,
        on_progress: OnProgress | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Report:
        """Index files and folders, without any those that were indexed before; a second run does only
        what has changed. `files` are single files by their folder, without what else lies there.

        Another `encoder` than the index has makes a second index beside it, which answers once it is
        complete. `retry` reads files again that failed. `verify` loads the encoder even if nothing
        waits, and embeds all anew if it isn't the very one that made the index. `wait` is how many
        seconds another writer may take to end. Raises NotFoundError for a path that doesn't exist and
        EncoderError before anything is done, BusyError while another process writes, HomeError.
        """
        started, report = time.monotonic(), Report()
        roots = list(expand(paths)) or ([] if files else self.catalog.roots())
        missing = [str(path) for path in roots if not path.exists()] if paths else []
        odd = [str(path) for path in roots if paths and not (path.is_file() or path.is_dir())]
        if odd and not missing:
            raise UsageError(f"{', '.join(odd)} is neither a file nor a folder: name what holds pictures.")
        if missing:
            raise NotFoundError(f"There is no file or folder {', '.join(missing)}: check the spelling.")
        with self.writing(wait):
            name = self._load_first(encoder, verify, on_progress)
            if paths:
                self.catalog.add_roots(roots)
            home = self.settings.home
            for root in roots:
                if not root.exists():  # a drive that is away keeps its pictures
                    report.missing.append(root)
                else:
                    scan(self.catalog, root, home=home, report=report, retry=retry, on_progress=on_progress)
            named = files or (loose_files(self.catalog, roots) if not paths else {})
            scan_files(self.catalog, named, report=report, retry=retry, on_progress=on_progress)
            self._embed(name, report, on_progress, should_stop)
            self.catalog.restore_files([root for root in roots if paths and root.is_file()])
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

    def forget(self, path: Path) -> int:
        """Take a folder, or a file, out of the collection and leave it alone from now on; the number of files.

        NotFoundError where the collection has nothing of it.
        """
        path = next(expand([path]))
        with self.writing():
            known = self.catalog.forget_sources(path) > 0 or path in self.catalog.roots()
            dropped = self.catalog.forget([path])
        if not (dropped or known):
            raise NotFoundError(f"The collection has nothing of {path}: `pixloom status` lists its folders.")
        return dropped

    def status(self) -> dict[str, Any]:
        """Counts and failures as in the interface's Status, sizes in bytes."""
        counts, state = self.catalog.counts(), self.catalog.state()
        index = state.index
        file = vector_file(self.settings, index) if index else None
        return {
            "encoder": index.encoder if index else None,
            "folders": [str(root) for root in self.catalog.roots() if root != self.settings.uploads],
            "sources": self.catalog.sources(),
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

    def _load_first(self, encoder: str | None, verify: bool, on_progress: OnProgress | None) -> str:
        """The name of the encoder to embed with. One that the index doesn't have is loaded at once: if it
        can't be, nothing has been done yet."""
        name, active = encoder if encoder is not None else self.settings.encoder, self.catalog.state().index
        if active is not None and name in ("auto", active.encoder):
            name = active.encoder
            if not verify:
                return name
        return self._loaded(name, on_progress).name

    def _loaded(self, name: str, on_progress: OnProgress | None) -> Encoder:
        if on_progress:
            on_progress(Progress("load encoder"))  # takes seconds, or minutes where weights are fetched
        return self.encoder(name)

    def _embed(
        self, name: str, report: Report, on_progress: OnProgress | None, should_stop: Callable[[], bool]
    ) -> None:
        loaded = self._encoder is not None and self._encoder.name == name
        active = self.catalog.state().index
        if not self._waiting(active) and (active is None or not loaded or self._encoder_made(active)):
            return
        encoder = self._loaded(name, None if loaded else on_progress)
        index = index_for(self.catalog, encoder)
        check_stored(self.settings, index)
        if active is None:
            activate(self.catalog, index)
        pipeline.run(
            self.catalog, self.settings, index, encoder, report, on_progress=on_progress, should_stop=should_stop
        )
        if not report.interrupted:
            activate(self.catalog, index)

    def _encoder_made(self, index: IndexInfo) -> bool:
        return self._encoder is not None and self._encoder.fingerprint == index.fingerprint

    def _waiting(self, index: IndexInfo | None) -> int:
        with self.catalog.database.read() as connection:
            return count_unembedded(connection, index.id if index else None)
