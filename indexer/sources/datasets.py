"""Data sets by the name of their format: their items, streamed, and what is wrong with them, listed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from indexer.errors import NotFoundError, UsageError
from indexer.sources import celeba, coco, folders, imagenet, jsonl, table
from indexer.sources.items import Item
from indexer.sources.problems import Kind, Problems
from indexer.sources.source import Columns, Source, Splits

LOADERS: dict[str, Callable[[Source], Iterator[Item]]] = {
    "coco": coco.read,
    "imagenet": imagenet.read,
    "celeba": celeba.read,
    "csv": table.read_csv,
    "parquet": table.read_parquet,
    "jsonl": jsonl.read,
    "folders": folders.read,
}
_SUFFIXES = {
    ".json": "coco",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_SINGLE = ("csv", "parquet", "jsonl")


class DataSet:
    """A data set that can be read, over and over. `problems` are those of the last reading, complete when it ends."""

    def __init__(self, format: str, source: Source) -> None:
        self.format, self.source = format, source
        self.problems = Problems()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.source.path

    def __iter__(self) -> Iterator[Item]:
        """Its items, one for each picture that is there.

        Raises UsageError and NotFoundError where the format is not as it must be, where the split that is asked for
        doesn't exist and where there is no picture.
        """
        given = self.source
        self.problems, splits = Problems(), Splits(given.splits.asked)
        source = Source(given.path, given.images, splits, self.problems, given.columns, given.encoding)
        empty = True
        try:
            for item in LOADERS[self.format](source):
                empty = False
                yield item
        except OSError as error:
            raise unreadable(error, self.path) from error
        if empty:
            raise UsageError(self._why_empty(splits))

    def _why_empty(self, splits: Splits) -> str:
        missing = self.problems.of(Kind.MISSING)
        if splits.missed:
            known = ", ".join(splits.seen) or "none at all"
            return f"{self.path} has no split {splits.asked!r}; it has {known}."
        if missing:
            count = self.problems.counts[Kind.MISSING]
            first = f"{missing[0].where}: {missing[0].what}"
            return f"None of the {count} pictures of {self.path} is there ({first}): name their folder with --images."
        return f"{self.path} holds nothing of any picture."


def read_items(
    format: str,
    path: Path,
    images: Path | None = None,
    split: str | None = None,
    *,
    columns: Columns | None = None,
    encoding: str | None = None,
) -> DataSet:
    """The data set at `path`, of a format in LOADERS or `auto`; iterate over it for its items.

    `images` is the folder of its pictures, where it isn't where the format has it; `split` the part that is wanted.
    `columns` and `encoding` are for tables and text that can't be told by themselves. Raises UsageError for an unknown
    format, NotFoundError where `path` or `images` isn't there.
    """
    path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - links stay as they are
    if not path.exists():
        raise NotFoundError(f"There is no file or folder {path}: check the spelling.")
    if images is not None and not images.is_dir():
        raise NotFoundError(f"There is no folder {images}: --images names where the pictures lie.")
    try:
        str(path).encode()
        name = detect(path) if format == "auto" else format
    except OSError as error:
        raise unreadable(error, path) from error
    except UnicodeEncodeError as error:
        raise UsageError(f"The name of {path} isn't valid UTF-8: rename it.") from error
    if name not in LOADERS:
        raise UsageError(f"There is no data format {format!r}: choose one of {', '.join(LOADERS)}.")
    if name in _SINGLE and path.is_dir():
        path = _single(name, path)
    return DataSet(name, Source(path, images, Splits(split), columns=columns or Columns(), encoding=encoding))


def unreadable(error: OSError, path: Path) -> NotFoundError:
    """What an operating system's error means for a data set."""
    return NotFoundError(f"{error.filename or path} can't be read: {error.strerror or error}.")


def detect(path: Path) -> str:
    """The format of what lies at a path, told by names of files; UsageError where it can't be."""
    if celeba.find(path, celeba.ATTRIBUTES):
        return "celeba"
    if path.is_file():
        suffix = path.suffix.casefold()
        if suffix in _SUFFIXES:
            return _SUFFIXES[suffix]
        raise UsageError(f"{path} is of no format that is known by its name: choose with --format, {_choice()}.")
    if coco.files(path):
        return "coco"
    if imagenet.splits(path):
        return "imagenet"
    for name in _SINGLE:
        if len(_files(name, path)) == 1:
            return name
    if folders.splits_of(path) != [(None, path)] or folders.subfolders(path):
        return "folders"
    raise UsageError(
        f"{path} holds no folders of pictures, each named by what it shows, nor any other data set that is known by "
        f"its names: choose with --format, {_choice()}."
    )


def _choice() -> str:
    return f"one of {', '.join(LOADERS)}"


def _files(format: str, folder: Path) -> list[Path]:
    suffixes = {suffix for suffix, name in _SUFFIXES.items() if name == format}
    return [path for path in sorted(folder.iterdir()) if path.suffix.casefold() in suffixes and path.is_file()]


def _single(format: str, folder: Path) -> Path:
    found = _files(format, folder)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UsageError(f"{folder} must hold one {format} file, and has {names}: name the file.")
    return found[0]
