"""What reading the catalogue gives: values, and how rows become them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from indexer.errors import NotFoundError
from indexer.sources.items import Attribute, BoxLabel
from indexer.statements import Membership, statements
from indexer.tables import CaptionRow, FileRow, KeywordRow
from indexer.types import Caption


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """One set of vectors: which encoder made it, and how many rows of its file are committed."""

    id: int
    encoder: str
    fingerprint: str
    dimension: int
    kind: str
    rows: int
    created_at: datetime | None = None
    """With the id it tells an index from a later one that was given the number of a dropped one."""

    def same(self, other: "IndexInfo") -> bool:
        """Whether both are states of one index."""
        return (self.id, self.created_at) == (other.id, other.created_at)


@dataclass(frozen=True, slots=True)
class State:
    """What a reader compares to learn that the collection has changed."""

    generation: int
    index: IndexInfo | None


@dataclass(frozen=True, slots=True)
class Record:
    """All that the catalogue holds of one picture; `path` is the first of `paths`."""

    id: int
    hash: str
    path: str
    paths: tuple[str, ...]
    bytes: int
    width: int
    height: int
    format: str
    captured_at: datetime | None
    camera: str | None
    lens: str | None
    latitude: float | None
    longitude: float | None
    rating: int | None
    title: str | None
    description: str | None
    colours: tuple[tuple[str, float], ...]
    keywords: tuple[str, ...]
    captions: tuple[Caption, ...]
    labels: tuple[str, ...]
    attributes: dict[str, Attribute]
    boxes: tuple[BoxLabel, ...]
    sources: tuple[Membership, ...]
    """The data sets that name it."""

    def file(self) -> Path:
        """The first of its files that is there; NotFoundError where none is."""
        held = next((path for path in map(Path, self.paths) if path.is_file()), None)
        if held is None:
            raise NotFoundError(
                f"The file of picture #{self.id} is gone: {self.path}. `pixloom index` takes note of it."
            )
        return held


def index_info(row: Any) -> IndexInfo:
    """An IndexInfo of a row that has the columns of the index table."""
    return IndexInfo(row.id, row.encoder, row.fingerprint, row.dimension, row.kind, row.rows, row.created_at)


def record_of(connection: Connection, row: Any) -> Record:
    """The Record of a row that has the columns of the picture table."""
    paths = connection.scalars(select(FileRow.path).where(FileRow.picture_id == row.id).order_by(FileRow.path)).all()
    keywords = connection.scalars(
        select(KeywordRow.text).where(KeywordRow.picture_id == row.id).order_by(KeywordRow.text)
    )
    captions = connection.execute(
        select(CaptionRow.text, CaptionRow.language).where(CaptionRow.picture_id == row.id).order_by(CaptionRow.id)
    )
    fields = {name: getattr(row, name) for name in Record.__slots__ if name in row._fields}
    fields["colours"] = tuple((colour, share) for colour, share in row.colours)
    return Record(
        path=paths[0],
        paths=tuple(paths),
        keywords=tuple(keywords),
        captions=tuple(dict.fromkeys(Caption(text, language) for text, language in captions)),
        **statements(connection, row.id),
        **fields,
    )
