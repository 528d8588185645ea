"""Folders of pictures, each named by what they show; above them, where there are some, folders that are splits."""

from collections.abc import Iterator
from pathlib import Path

from indexer.errors import NotFoundError, UsageError
from indexer.facts import clean
from indexer.images import is_picture_name
from indexer.sources.items import Item
from indexer.sources.problems import Kind
from indexer.sources.source import SPLITS, Source


def read(source: Source) -> Iterator[Item]:
    """Items labelled by their folder's name, `_` and `-` read as spaces; `train/dog/a.jpg` is of split `train`.

    Raises NotFoundError and UsageError where there are no such folders.
    """
    if not source.path.is_dir():
        raise NotFoundError(f"There is no folder {source.path}.")
    found = False
    for split, folder in splits_of(source.path):
        taken = source.splits.takes(split)
        for kind in subfolders(folder):
            label = clean(kind.name.replace("_", " ").replace("-", " ")) or kind.name
            for path in pictures_in(kind):
                found = True
                if taken:
                    yield Item(path, split, labels=(label,))
        for path in pictures_in(folder, deep=False):
            source.problems.add(Kind.UNLABELLED, str(path), "the picture lies in no folder named by what it shows")
    if not found:
        raise UsageError(f"{source.path} holds no folders of pictures: each class is a folder named by what it shows.")


def splits_of(root: Path) -> list[tuple[str | None, Path]]:
    """Folders of a data set by split: those below `root` that are called so, or else `root` itself."""
    below = subfolders(root)
    if below and all(folder.name.casefold() in SPLITS for folder in below):
        return [(folder.name, folder) for folder in below]
    return [(None, root)]


def subfolders(folder: Path) -> list[Path]:
    """Folders below, but hidden ones, by name."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def pictures_in(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """Picture files in a folder, and in those below it, by name."""
    for path in sorted(folder.rglob("*") if deep else folder.iterdir()):
        if is_picture_name(path.name) and not path.name.startswith(".") and path.is_file():
            yield path
