"""A home folder, opened: the one object through which pictures come in."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from indexer import __version__, pipeline
from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.database import disk_error
from indexer.encoders import load_encoder
from indexer.encoders.kept import KeptEncoders
from indexer.encoders.serial import SerialEncoder
from indexer.errors import BusyError, NotFoundError, UsageError
from indexer.indexes import activate, index_for, previous_index, vector_file
from indexer.models import find
from indexer.models.trained import trained_spec
from indexer.scan import Named, expand, loose_files, scan, scan_files
from indexer.switch import Switch, begun
from indexer.tables import IGNORED, INDEXED, PENDING
from indexer.types import Encoder, OnProgress, Progress, Report

Load = Callable[[str, Settings], Encoder]
WAIT = 3.0
"""Seconds that another writer may take to end; a change of models holds the lock for a commit at a time."""


class Collection:
    """Pictures, their catalogue and their vectors below `settings.home`. Close it when done."""

    def __init__(self, settings: Settings, load: Load = load_encoder) -> None:
        """Open, making the home folder where there is none; `load` turns a name into an encoder."""
        self.settings = settings
        self.catalog = Catalog(settings)
        self._encoders = KeptEncoders(lambda name: load(name, settings))

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the catalogue's connections back."""
        self.catalog.close()

    def encoder(self, name: str, fingerprint: str | None = None) -> SerialEncoder:
        """The encoder of that name, loaded once; `auto` is the one that suits this machine.

        With a `fingerprint`, of that very version where it can be had: the caller compares.
        """
        return self._encoders.get(name, fingerprint)

    def renewed_encoder(self, name: str) -> Encoder:
        """The encoder of that name as it is on disk now, which may not be what was loaded before."""
        return self._encoders.renewed(name)

    def notice(self, name: str) -> str | None:
        """What users must know whenever they see results of the encoder of that name."""
        encoder = self._encoders.kept(name)
        if encoder is not None:
            return encoder.notice
        spec = find(name) or trained_spec(name, self.settings)
        return spec.notice if spec else None

    def index(
        self,
        paths: Sequence[Path] = (),
        *,
        files: Named | None = None,
        encoder: str | None = None,
        retry: bool = False,
        verify: bool = False,
        wait: float = WAIT,
        on_progress: OnProgress | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Report:
        """Index files and folders, without any those that were indexed before; a second run does only
        what has changed. `files` are single files by their folder, without what else lies there.

        Another `encoder` than the index has makes a second index beside it, which answers once it is
        complete; without one, it is the index's own, or that of the settings where there is no index yet.
        `retry` reads files again that failed. `verify` loads the encoder even if nothing waits, and embeds
        all anew if it isn't the very one that made the index. `wait` is how many seconds another writer may
        take to end. Raises NotFoundError for a path that doesn't exist and EncoderError before anything is
        done, BusyError while another process writes, HomeError.
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
            loaded = self._load_first(encoder, verify, on_progress)
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
            other = self._embed(loaded, report, on_progress, should_stop)
            self.catalog.restore_files([root for root in roots if paths and root.is_file()])
        if other is not None:
            with self.switching():
                Switch(self, other, report).swap(on_progress, should_stop)
        report.seconds = time.monotonic() - started
        return report

    def writing(self, wait: float = WAIT) -> AbstractContextManager[None]:
        """Hold the home folder's write lock; BusyError where another has it for longer than `wait` s."""
        home = self.settings.home
        return self._locked(
            "write.lock",
            wait,
            f"Another process is indexing into {home}: wait for it to end, "
            "or stop it; what it has done so far is kept.",
        )

    def switching(self) -> AbstractContextManager[None]:
        """Be the only one who changes the model of the home folder; BusyError where another does."""
        home = self.settings.home
        return self._locked(
            "switch.lock", 0, f"Another change of models is under way in {home}: wait for it to end, or stop it."
        )

    @contextmanager
    def turn(self, stopped: Callable[[], bool]) -> Iterator[bool]:
        """Hold the write lock, however long others take to end; False where it was stopped while waiting."""
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(self.writing(0.5))
                    break
                except BusyError:
                    if stopped():
                        yield False
                        return
            yield True

    @contextmanager
    def _locked(self, name: str, wait: float, refusal: str) -> Iterator[None]:
        # One thread may take the lock and another let go of it, as when a request begins a long run.
        lock = FileLock(self.settings.home / name, timeout=wait, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(refusal) from error
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
        index, previous = state.index, previous_index(self.catalog)
        file = vector_file(self.settings, index) if index else None
        return {
            "encoder": index.encoder if index else None,
            "previous": previous.encoder if previous else None,
            "building": begun(self.catalog, self.settings, index),
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
            "jobs": self.catalog.jobs(),
            "version": __version__,
        }

    def _load_first(self, name: str | None, verify: bool, on_progress: OnProgress | None) -> Encoder | None:
        """An encoder that the index doesn't have is loaded at once: if it can't be, nothing has been done yet."""
        active = self.catalog.state().index
        if active is None:
            return self._loaded(name or self.settings.encoder, None, on_progress)
        if name in (None, "auto", active.encoder):
            return self._loaded(active.encoder, active.fingerprint, on_progress) if verify else None
        return self._loaded(name, None, on_progress)

    def _loaded(self, name: str, fingerprint: str | None, on_progress: OnProgress | None) -> Encoder:
        if on_progress and self._encoders.kept(name) is None:
            on_progress(Progress("load encoder"))  # takes seconds, or minutes where weights are fetched
        return self.encoder(name, fingerprint)

    def _embed(
        self,
        encoder: Encoder | None,
        report: Report,
        on_progress: OnProgress | None,
        should_stop: Callable[[], bool],
    ) -> Encoder | None:
        """Bring the index that answers up to date; or give back the encoder, where it is of another one."""
        active = self.catalog.state().index
        waiting = pipeline.waiting(self.catalog, active.id if active else None)
        if active is None and not waiting:
            return None
        if encoder is None:
            assert active is not None, "without an index, the encoder is loaded first"
            if not waiting:
                return None
            encoder = self._loaded(active.encoder, active.fingerprint, on_progress)
        if active is not None and active.fingerprint != encoder.fingerprint:
            return encoder
        index = index_for(self.catalog, encoder)
        if active is None:
            activate(self.catalog, index)
        pipeline.run(
            self.catalog, self.settings, index, encoder, report, on_progress=on_progress, should_stop=should_stop
        )
        return None
