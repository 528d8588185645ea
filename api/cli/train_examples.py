"""What `pixloom train guided` and `train joint` learn from, by their options."""

from pathlib import Path
from typing import Any

from api.cli.output import note
from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.sources.datasets import read_items
from indexer.sources.problems import Problems

Data = tuple[Path | None, str | None, Path | None, Path | None, str | None]
"""--pairs, --degrade, --pictures, --images, --split."""


def examples_of(collection: Collection, data: Data, seed: int) -> tuple[Any, Problems]:
    """The examples (`tuner.learn.before_after`), and what is wrong with the data set. UsageError, NotFoundError."""
    from indexer.formats import is_picture_name
    from tuner.learn.before_after import pairs_in, spoilt
    from tuner.learn.degradations import read_kinds

    pairs, degrade, pictures, images, split = data
    if (pairs is None) == (degrade is None):
        raise UsageError("Name what to learn from: --pairs DIR, or --degrade KINDS for clean pictures spoilt here.")
    if pairs is not None:
        if pictures or images or split:
            raise UsageError("--pictures, --images and --split go with --degrade.")
        found = pairs_in(pairs.expanduser())
        for path in found.alone:
            note(f"{path} has no other half, and is left out.")
        return found, Problems()
    kinds = read_kinds(degrade or "")
    if pictures is None:
        records = collection.catalog.newest(2**31 - 1)
        paths = [Path(collection.catalog.picture(id).path) for id in records]
        return spoilt(paths, kinds, "the collection's own pictures", seed), Problems()
    if pictures.is_file() and is_picture_name(pictures.name):
        raise UsageError(f"{pictures} is one picture: give a folder of them, or a data set.")
    items = read_items("auto", pictures, images, split) if pictures.is_file() or split else None
    paths = [item.path for item in items] if items is not None else _in_folder(pictures)
    source = pictures.name + (f", split {split}" if split else "")
    return spoilt(paths, kinds, source, seed), items.problems if items is not None else Problems()


def _in_folder(folder: Path) -> list[Path]:
    from indexer.formats import is_picture_name

    if not folder.is_dir():
        raise UsageError(f"There is no folder or data set {folder}.")
    return sorted(path for path in folder.rglob("*") if is_picture_name(path.name) and path.is_file())
