"""Progress on stderr: a bar on a terminal, now and then a line elsewhere, such as in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from api.cli.output import duration, note
from indexer.models.spec import in_bytes
from indexer.types import OnProgress, Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def shown() -> Iterator[OnProgress]:
    """Within it, the callback shows what it is told."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Field("count"), _Field("speed"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars)


def speed(progress: Progress) -> str:
    """Rate and time left, as far as they are known."""
    rate = f"{_amount(progress.rate, progress.unit)}/s" if progress.rate else ""
    eta = f"{duration(progress.eta)} left" if progress.eta is not None else ""
    return ", ".join(part for part in (rate, eta) if part)


def count(progress: Progress) -> str:
    """How many are done, and of how many."""
    if not progress.done and not progress.total:
        return ""
    total = f" of {_amount(progress.total, progress.unit)}" if progress.total is not None else ""
    return f"{_amount(progress.done, progress.unit)}{total}"


def _amount(number: float, unit: str) -> str:
    if unit == "B":
        return in_bytes(round(number))
    return str(number) if isinstance(number, int) else f"{number:.1f}"


class _Field(ProgressColumn):
    """What the task was last told under a name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get(self.name, "")), style="dim" if self.name == "speed" else "")


class _Bar:
    """One bar for each stage."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        stage, done, total = progress.stage, progress.done, progress.total
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total, count=count(progress), speed=speed(progress))


class _Lines:
    """A line when a stage begins, and then every few seconds."""

    def __init__(self) -> None:
        self.stage, self.said = "", 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == self.stage and now - self.said < _SECONDS_BETWEEN_LINES:
            return
        self.stage, self.said = progress.stage, now
        told = ", ".join(part for part in (count(progress), speed(progress)) if part)
        note(f"{progress.stage}: {told}" if told else progress.stage)
