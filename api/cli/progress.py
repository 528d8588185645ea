"""Progress on stderr: a bar on a terminal, now and then a line elsewhere, such as in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from api.cli.output import duration, note
from indexer.types import OnProgress, Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def shown() -> Iterator[OnProgress]:
    """Within it, the callback shows what it is told."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars)


def speed(progress: Progress) -> str:
    """Rate and time left, as far as they are known."""
    rate = f"{progress.rate:.1f}/s" if progress.rate else ""
    eta = f"{duration(progress.eta)} left" if progress.eta is not None else ""
    return ", ".join(part for part in (rate, eta) if part)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("speed", "")), style="dim")


class _Bar:
    """One bar for each stage."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.stage: str | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self.stage:
            self.stage = progress.stage
            self.task = self.bars.add_task(progress.stage, total=progress.total, speed="")
        self.bars.update(self.task, completed=progress.done, total=progress.total, speed=speed(progress))


class _Lines:
    """A line when a stage begins, and then every few seconds."""

    def __init__(self) -> None:
        self.stage, self.said = "", 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == self.stage and now - self.said < _SECONDS_BETWEEN_LINES:
            return
        self.stage, self.said = progress.stage, now
        total = f" of {progress.total}" if progress.total is not None else ""
        count = f"{progress.done}{total}" if progress.done or total else ""
        told = ", ".join(part for part in (count, speed(progress)) if part)
        note(f"{progress.stage}: {told}" if told else progress.stage)
