"""Progress in bytes, with the rate of the last seconds and the time that is left at that rate."""

import time
from collections import deque

from indexer.types import OnProgress, Progress

_WINDOW = 10.0
_BETWEEN = 0.1
"""Seconds over which the rate is taken, and between two reports."""


class Meter:
    """Reports how many bytes there are, beside those `before`."""

    def __init__(self, on_progress: OnProgress, stage: str = "pull", total: int | None = None) -> None:
        self.progress = Progress(stage, total=total, unit="B")
        self.before = 0
        self._on_progress = on_progress
        self._recent: deque[tuple[float, int]] = deque(maxlen=200)
        self._told = 0.0

    def at(self, done: int) -> None:
        """So many bytes are there now."""
        progress, now = self.progress, time.monotonic()
        progress.done = done = self.before + done
        complete = done == progress.total
        if now - self._told < _BETWEEN and not complete:
            return
        self._told = now
        self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[0][0] > _WINDOW:
            self._recent.popleft()
        then, before = self._recent[0]
        progress.rate = max(done - before, 0) / (now - then) if now > then else None
        progress.eta = None
        if progress.total is not None and progress.rate:
            progress.eta = max(progress.total - done, 0) / progress.rate
        self._on_progress(progress)
