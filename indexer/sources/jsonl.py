"""Captions as JSON lines: {"image": file, "captions": [...], "split": name}, the split where there are some."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import UsageError
from indexer.facts import clean
from indexer.sources.coco import MAX_CAPTION
from indexer.sources.items import Item
from indexer.sources.merge import merged
from indexer.sources.pictures import Pictures
from indexer.sources.problems import Kind
from indexer.sources.source import Source
from indexer.sources.text import open_text
from indexer.types import Caption


def read(source: Source) -> Iterator[Item]:
    """Items of a file; pictures are looked for in `images`, or the folder `images` beside the file, or else its own.

    Raises UsageError for a malformed line, named by its number.
    """
    pictures = beside(source)
    for item in merged(_records(source, pictures), source.problems):
        if source.splits.takes(item.split):
            if not item.captions:
                source.problems.add(Kind.UNCAPTIONED, str(item.path), "the picture has no caption")
            yield item
    pictures.note_unnamed()


def beside(source: Source) -> Pictures:
    """The pictures of a data set that is one file."""
    images = source.path.parent / "images"
    folder = source.images or (images if images.is_dir() else source.path.parent)
    return Pictures(folder, source.problems, dedicated=folder != source.path.parent)


def _records(source: Source, pictures: Pictures) -> Iterator[tuple[str, Item]]:
    with open_text(source.path, source.problems, source.encoding) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            name, captions, split = _parsed(line, number, source.path)
            where = f"{source.path.name} line {number}"
            path = pictures.find(name, where, wanted=source.splits.takes(split))
            if path is not None:
                texts = (clean(text, MAX_CAPTION) for text in captions)
                yield where, Item(path, split, tuple(Caption(text) for text in texts if text))


def _parsed(line: str, number: int, path: Path) -> tuple[str, list[str], str | None]:
    try:
        row: Any = json.loads(line)
        name, captions, split = row["image"], row["captions"], row.get("split")
        if not isinstance(name, str) or not isinstance(captions, list) or not isinstance(split, str | None):
            raise TypeError
        if not all(isinstance(text, str) for text in captions):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f'Line {number} of {path} is not of the form {{"image": ..., "split": ..., "captions": [...]}}.'
        ) from error
    return name, captions, clean(split)
