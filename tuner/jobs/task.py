"""What passes between a worker and the process that makes outcomes: a task there, steps and how it ended back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from indexer.collection import Collection

LARGEST_TILE, SMALLEST_TILE = 1024, 256
"""Sides in pixels of the parts that large pictures are worked on in: where memory runs out, they are halved."""


@dataclass(frozen=True, slots=True)
class Task:
    """One outcome that is to be made. It is sent to another process: plain values only."""

    job: int
    position: int
    """Which of the job's outcomes, from 0; for a preview, the one that it stands for."""
    pictures: tuple[int, ...]
    """Ids of the pictures that go into it, the first as the operation's own; none where it needs none."""
    operation: str
    parameters: dict[str, Any]
    """By name, as `read_parameters` takes them; they were checked when the job was added."""
    seed: int
    owner: str
    folder: Path | None = None
    """Where the outcome goes; None for the usual place. Of a preview it is below the cache, and never None."""
    preview: bool = False
    """Only a small look is wanted: a file named `job-ID` in `folder`, which doesn't join the collection."""
    confirmed: bool = False
    """The owner says that they may make derivatives, whatever the pictures' own rights fields say."""
    tile: int = LARGEST_TILE
    """Longest side in pixels of what is processed at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was made of a task."""

    picture: int | None = None
    """Its id, where it joined the collection."""
    path: Path | None = None
    notes: tuple[str, ...] = ()
    """What its owner should know of how it was made."""
    cosine: float | None = None
    """Of its embedding with that of the picture it was made from."""
    ssim: float | None = None
    seconds: float | None = None
    """How long it took; filled in by the worker where it is None."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no outcome, in a sentence for the owner."""

    reason: str
    hopeless: bool = False
    """All that is left of the job would fail alike, as on a full disk."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """It was told to stop, and left nothing behind."""


Ended = Outcome | Failure | Stopped


@dataclass(frozen=True, slots=True)
class Step:
    """Where a task stands: steps done, and in all, and what is being done."""

    done: int = 0
    total: int = 0
    what: str = ""


class Report(Protocol):
    """How what makes an outcome says where it stands; made for `Work.on_step` and `Work.should_stop`."""

    def step(self, done: int, total: int, what: str = "") -> None:
        """Steps done, and in all, and what is being done; as often as one likes."""

    def stopped(self) -> bool:
        """Whether it shall stop: raise StoppedError then, within 0.3 s, or be killed."""


Run = Callable[[Task, Report], Outcome]
"""Makes one outcome. Raises PixloomErrors, whose texts the owner reads; MemoryError, whereupon it is tried again
with smaller parts; StoppedError where `Report.stopped` says so."""
Start = Callable[[Collection], Run]
"""Called once in a process, with the collection opened there: what it gives makes all outcomes, and may keep models."""
