"""What is wrong with a data set and yet no reason to stop: counted, listed, never dropped in silence."""

from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MAX_LISTED = 1000
"""Of each kind; all are counted."""


class Kind(StrEnum):
    """What can be wrong."""

    MISSING = "missing"
    """The data name a picture that isn't there."""
    UNNAMED = "unnamed"
    """A picture lies there that the data don't name."""
    UNCAPTIONED = "uncaptioned"
    """Data that have captions have none for this picture."""
    UNLABELLED = "unlabelled"
    """Data that have labels have none for this picture."""
    RECORD = "record"
    """A record can't be used and is left out."""
    BOX = "box"
    """A box can't be used and is left out."""
    CONFLICT = "conflict"
    """Two records of one picture contradict each other; the first is kept."""
    REMOVED = "removed"
    """The user took the picture out of the collection; it stays out."""
    FILE = "file"
    """A whole file had to be guessed at, is incomplete or doesn't fit."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: its kind, the file and record, and what it is."""

    kind: Kind
    where: str
    what: str


class Problems:
    """The problems of one reading, in the order in which they were met."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.listed: list[Problem] = []

    def add(self, kind: Kind, where: str, what: str) -> None:
        """Count a problem, and list it unless there are very many of its kind."""
        self.counts[kind] += 1
        if self.counts[kind] <= MAX_LISTED:
            self.listed.append(Problem(kind, where, what))

    def of(self, kind: Kind) -> list[Problem]:
        """The listed ones of a kind."""
        return [problem for problem in self.listed if problem.kind is kind]

    def as_dict(self) -> dict[str, Any]:
        """`counts` by kind, and what is listed, for `--json`."""
        counts = {str(kind): count for kind, count in self.counts.items()}
        return {"counts": counts, "listed": [asdict(problem) for problem in self.listed]}
