"""The model of what others like, kept up to date beside what answers: it never makes anybody wait."""

import io
import time
import zipfile
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import numpy as np

from indexer.collection import Collection
from indexer.errors import PixloomError
from indexer.reader import write_atomically
from search.taste.blended import Blended
from search.taste.blending import Blend
from search.taste.others import Collaborative, Mark, mark_of, train

EVERY = 30.0
"""Seconds between two looks at how many signals came."""
_MORE, _SHARE = 20, 0.02
"""New signals from which it is worth learning again: so many, and such a share of those that are known."""
_FORMAT = 1


class Others:
    """Holds the newest model; safe to share between threads."""

    def __init__(self, collection: Collection, *, every: float = EVERY) -> None:
        """Nothing is read yet: that happens in the background when the model is first asked for."""
        self._collection, self._every = collection, every
        self._path = collection.settings.cache / "others.npz"
        self._model: Collaborative | None = None
        self._mark: Mark | None = None
        self._looked = -float("inf")
        self._thread: Thread | None = None
        self._closing, self._lock = Event(), Lock()

    def model(self) -> Collaborative | None:
        """The newest model there is, at once; None where there is none, or not yet. Now and then this begins a look
        at the signals in a thread."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if not running and not self._closing.is_set() and time.monotonic() - self._looked >= self._every:
                self._looked = time.monotonic()
                self._thread = Thread(target=self._work, name="others", daemon=True)
                self._thread.start()
            return self._model

    def drop(self) -> None:
        """Let go of what is known, here and in the cache: somebody is to be forgotten now."""
        with self._lock:
            self._model = self._mark = None
            self._looked = -float("inf")
            self._path.unlink(missing_ok=True)

    def close(self, wait: float = 5.0) -> None:
        """Begin nothing new, and wait so many seconds for what is under way; the end of the process stops it, which
        does no harm."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(wait)

    def refresh(self) -> Collaborative | None:
        """Look, and learn if it is worth it, now and in this thread; the model of then."""
        if self._mark is None:
            self._model = _load(self._path)
            self._mark = self._model.mark if self._model else Mark(0, 0)
        if self._outdated(self._mark):
            mark = mark_of(self._collection)
            self._model = train(self._collection)
            self._mark = self._model.mark if self._model else mark
            if self._model:
                _save(self._model, self._path)
            else:
                self._path.unlink(missing_ok=True)
        return self._model

    def _work(self) -> None:
        # What goes wrong here must not reach an answer: the model of before stays, and the next look tries again.
        with suppress(PixloomError, OSError, ArithmeticError, MemoryError):
            self.refresh()

    def _outdated(self, known: Mark) -> bool:
        """Whether enough came since, or anything was taken back or deleted, which must not stay in a model."""
        now = mark_of(self._collection)
        if now == known:
            return False
        return mark_of(self._collection, known.last).count != known.count or now.count - known.count >= max(
            _MORE, _SHARE * known.count
        )


def _save(model: Collaborative, path: Path) -> None:
    state: dict[str, Any] = {f"model_{name}": value for name, value in model.model.state().items()}
    blend = np.array([np.nan if value is None else value for value in astuple(model.blend)], np.float64)
    file = io.BytesIO()
    marks = np.array([_FORMAT, model.mark.count, model.mark.last], np.int64)
    np.savez(file, marks=marks, pictures=model.pictures, blend=blend, **state)
    write_atomically(path, file.getvalue())


def _load(path: Path) -> Collaborative | None:
    """The model of a file; None where there is none that can be read."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            format, count, last = file["marks"].tolist()
            if format != _FORMAT:
                return None
            state = {name.removeprefix("model_"): file[name] for name in file.files if name.startswith("model_")}
            weight, people, *figures = (None if np.isnan(value) else value for value in file["blend"].tolist())
            blend = Blend(weight or 0.0, int(people or 0), *figures)
            return Collaborative(file["pictures"], Blended.restored(state), blend, Mark(count, last))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
