"""Tables in which each row speaks of a picture: CSV (RFC 4180 and its relatives) and Apache Parquet."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from indexer.errors import DependencyError, NotFoundError, UsageError
from indexer.sources.columns import Kinds, Roles, distinct, names, picture_name, roles, texts
from indexer.sources.items import Item
from indexer.sources.jsonl import beside
from indexer.sources.merge import merged
from indexer.sources.pictures import Pictures
from indexer.sources.problems import Kind
from indexer.sources.source import Source
from indexer.sources.text import open_text
from indexer.types import Caption

Row = tuple[str, list[Any]]
"""Where it is, and its cells."""

_DELIMITERS = ",\t;|"
_TRIED = 100
"""Rows that say which column names the pictures."""


def read_csv(source: Source) -> Iterator[Item]:
    """Items of a table of text whose first row names the columns, divided by commas, tabs, semicolons or bars.

    Rows that are longer or shorter than the first are listed and left out. Raises UsageError for a file without a
    column of pictures, or in which a quote isn't closed, naming the line.
    """
    with open_text(source.path, source.problems, source.encoding) as file:
        first = file.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        lines = csv.reader(chain([first], file), delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            header = [name.strip() for name in next(lines, [])]
            yield from _read(source, header, _csv_rows(source, lines, len(header)))
        except csv.Error as error:
            raise UsageError(
                f"{source.path} can't be read from line {lines.line_num} on ({error}): is a quote there that isn't "
                "closed, or not doubled within quotes?"
            ) from error


def _csv_rows(source: Source, lines: Any, width: int) -> Iterator[Row]:
    for cells in lines:
        where = f"{source.path.name} line {lines.line_num}"
        if len(cells) == width:
            yield where, [cell.strip() for cell in cells]
        elif cells:
            source.problems.add(Kind.RECORD, where, f"{len(cells)} cells where the heading has {width}: left out")


def read_parquet(source: Source) -> Iterator[Item]:
    """Items of a Parquet file. Columns of lists give several captions or labels; other nested ones are left out.

    Raises UsageError as for CSV, and DependencyError where pyarrow isn't installed.
    """
    rows = _parquet_rows(source)
    _, header = next(rows)
    yield from _read(source, header, rows)


def _parquet_rows(source: Source) -> Iterator[Row]:
    """The names of the columns, and then the rows."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DependencyError("Parquet files need the package pyarrow: pip install 'pixloom[parquet]'.") from error
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(source.path) as file:
            yield "", list(file.schema_arrow.names)
            for batch in file.iter_batches(1000):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield f"{source.path.name} row {number}", [_plain(cell) for cell in cells]
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {source.path}.") from error
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{source.path} can't be read as Parquet ({said}): get it again.") from error


def _plain(cell: Any) -> Any:
    """Values as JSON could have them; times, decimals and so on as text."""
    if cell is None or isinstance(cell, str | bool | int | float | list | dict | bytes):
        return cell
    return str(cell)


def _read(source: Source, header: list[str], rows: Iterator[Row]) -> Iterator[Item]:
    if not any(header):
        raise UsageError(f"{source.path} is empty: its first row must name the columns.")
    header = distinct(header)
    pictures = beside(source)
    first = list(islice(rows, _TRIED))
    found = roles(header, [cells for _, cells in first], pictures, source.columns, str(source.path))
    if any(isinstance(cells[found.image], dict) and cells[found.image].get("bytes") for _, cells in first):
        raise UsageError(
            f"{source.path} holds the pictures themselves in {header[found.image]!r}: write them to files."
        )
    table = _Table(source, header, found, pictures)
    for item in merged(table.records(chain(first, rows)), source.problems):
        if source.splits.takes(item.split):
            if found.captions and not item.captions:
                source.problems.add(Kind.UNCAPTIONED, str(item.path), "the picture has no caption")
            yield table.typed(item)
    pictures.note_unnamed()


class _Table:
    """Rows to items. Attributes get their types once all rows have been seen."""

    def __init__(self, source: Source, header: list[str], found: Roles, pictures: Pictures) -> None:
        self.source, self.header, self.found, self.pictures = source, header, found, pictures
        self.kinds = Kinds()
        self.nested: set[int] = set()

    def records(self, rows: Iterable[Row]) -> Iterator[tuple[str, Item]]:
        """One item for each row whose picture is there."""
        for where, cells in rows:
            name = picture_name(cells[self.found.image])
            split = next(iter(texts(cells[self.found.split])), None) if self.found.split is not None else None
            wanted = self.source.splits.takes(split)
            if not name:
                self.source.problems.add(Kind.RECORD, where, f"{self.header[self.found.image]!r} is empty: left out")
            elif path := self.pictures.find(name, where, wanted=wanted):
                captions = [text for place in self.found.captions for text in texts(cells[place])]
                labels = [name for place in self.found.labels for name in names(cells[place])]
                yield (
                    where,
                    Item(
                        path,
                        split,
                        tuple(map(Caption, dict.fromkeys(captions))),
                        tuple(dict.fromkeys(labels)),
                        self._attributes(cells),
                    ),
                )

    def _attributes(self, cells: list[Any]) -> dict[str, Any]:
        values = {}
        for place in self.found.attributes:
            value = cells[place]
            if isinstance(value, list | dict | bytes):
                self._leave_out(place)
            elif value not in (None, ""):
                self.kinds.see(place, value)
                values[self.header[place]] = value
        return values

    def _leave_out(self, place: int) -> None:
        if place not in self.nested:
            self.nested.add(place)
            what = f"the column {self.header[place]!r} holds lists or records: left out"
            self.source.problems.add(Kind.FILE, Path(self.source.path).name, what)

    def typed(self, item: Item) -> Item:
        """The item with its attributes as their columns' types."""
        places = {self.header[place]: place for place in self.found.attributes}
        typed = {name: self.kinds.typed(places[name], value) for name, value in item.attributes.items()}
        attributes = {name: value for name, value in typed.items() if value is not None}
        return Item(item.path, item.split, item.captions, item.labels, attributes)
