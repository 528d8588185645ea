"""What a format's loader is given: where to read, what to read of it, and where to say what is wrong."""

from dataclasses import dataclass, field
from pathlib import Path

from indexer.sources.problems import Problems

_SAME = {"valid": "val", "validation": "val", "training": "train", "testing": "test"}
SPLITS = frozenset({"train", "val", "test", "dev", *_SAME})
"""Names of folders that are parts of a data set, not classes."""


class Splits:
    """Which part of a data set is asked for, and which parts it turned out to have."""

    def __init__(self, asked: str | None = None) -> None:
        self.asked = asked
        self.seen: dict[str, None] = {}

    def takes(self, name: str | None) -> bool:
        """Whether records of the split `name` are wanted. `val` takes `val2017` and `validation` too."""
        if name is not None:
            self.seen[name] = None
        return self.asked is None or (name is not None and _alike(name, self.asked))

    @property
    def missed(self) -> bool:
        """Whether a split was asked for that isn't there."""
        return self.asked is not None and not any(_alike(name, self.asked) for name in self.seen)


def _alike(name: str, asked: str) -> bool:
    word, year = _parts(name)
    asked_word, asked_year = _parts(asked)
    return word == asked_word and asked_year in ("", year)


def _parts(name: str) -> tuple[str, str]:
    """`Val2017` -> `val`, `2017`."""
    low = name.casefold()
    word = low.rstrip("0123456789")
    return _SAME.get(word, word), low[len(word) :]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table by their names, where they can't be told by them."""

    image: str | None = None
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A data set to be read."""

    path: Path
    images: Path | None = None
    """The folder of its pictures, where that can't be told."""
    splits: Splits = field(default_factory=Splits)
    problems: Problems = field(default_factory=Problems)
    columns: Columns = Columns()
    encoding: str | None = None
    """Of its text files, where that can't be told."""
