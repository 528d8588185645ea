"""How fast a long run goes: progress with the rate of the last seconds, and the time that is left at that rate."""

import time
from collections import deque

from indexer.types import OnProgress, Progress

_WINDOW = 10.0
"""Seconds that the rate is taken over."""


class Meter:
    """Counts items of one stage and reports each step to `on_progress`, if there is one."""

    def __init__(self, stage: str, total: int | None, on_progress: OnProgress | None) -> None:
        self.on_progress = on_progress
        self.progress = Progress(stage, 0, total)
        self.recent: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=200)

    def step(self, items: int = 1) -> None:
        """Note that so many more are done."""
        if self.on_progress is None:
            return
        progress = self.progress
        progress.done += items
        now = time.monotonic()
        self.recent.append((now, progress.done))
        while len(self.recent) > 2 and now - self.recent[0][0] > _WINDOW:
            self.recent.popleft()
        then, done = self.recent[0]
        progress.rate = (progress.done - done) / max(now - then, 1e-6)
        if progress.total is not None and progress.rate > 0:
            progress.eta = max(progress.total - progress.done, 0) / progress.rate
        self.on_progress(progress)
