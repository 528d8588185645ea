"""How fast a long run goes: progress with the rate of the last seconds, and the time that is left at that rate."""

import time
from collections import deque

from indexer.types import OnProgress, Progress

_WINDOW = 10.0
"""Seconds that the rate is taken over."""


class Meter:
    """Counts what one stage has done and reports it to `on_progress`, if there is one."""

    between = 0.0
    """Least seconds from one report to the next."""

    def __init__(self, stage: str, total: int | None, on_progress: OnProgress | None, begun: int = 0) -> None:
        """`begun` were done before, and don't count for the rate."""
        self.on_progress = on_progress
        self.progress = Progress(stage, begun, total)
        self.recent: deque[tuple[float, int]] = deque([(time.monotonic(), begun)], maxlen=200)
        self.told = 0.0

    def step(self, items: int = 1) -> None:
        """Note that so many more are done."""
        self.at(self.progress.done + items)

    def at(self, done: int) -> None:
        """Note that so many are done in all."""
        if self.on_progress is None:
            return
        progress, now = self.progress, time.monotonic()
        progress.done = done
        if now - self.told < self.between and done != progress.total:
            return
        self.told = now
        self.recent.append((now, done))
        while len(self.recent) > 2 and now - self.recent[0][0] > _WINDOW:
            self.recent.popleft()
        then, before = self.recent[0]
        progress.rate = max(done - before, 0) / (now - then) if now > then else None
        progress.eta = None
        if progress.total is not None and progress.rate:
            progress.eta = max(progress.total - done, 0) / progress.rate
        self.on_progress(progress)
