"""A contact sheet: questions and the pictures that answered, as values for whatever draws them."""

from dataclasses import dataclass, replace
from pathlib import Path

from api.demo.questions import Lines, below
from indexer.collection import Collection
from indexer.reader import thumbnail_path
from indexer.records import Record
from search.engine import Engine, Result, Results
from search.query import PictureId, Query, Text, parse

PICTURES = 6
"""In one row."""
_ASKED = 1000
"""Answers among which those of the folder are picked."""


@dataclass(frozen=True, slots=True)
class Card:
    """One picture: `name` is its path below the folder, `thumbnail` WebP (None where it is missing)."""

    id: int
    name: str
    caption: str
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True)
class Row:
    """One question: what kind it is, the picture it names, and its answers, best first."""

    query: str
    kind: str
    example: Card | None
    part: tuple[float, float, float, float] | None
    """What is asked for of the example: left, top, right, bottom as shares (0..1) of its sides."""
    results: Results
    cards: tuple[Card, ...]
    """One for each of the results."""

    @property
    def answers(self) -> tuple[tuple[Card, Result], ...]:
        """What there is to show: each picture with its score."""
        return tuple(zip(self.cards, self.results.results, strict=True))


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows, and what must be known of them."""

    pictures: int
    encoder: str
    notice: str | None
    rows: tuple[Row, ...]

    @property
    def summary(self) -> str:
        """One line about the collection."""
        return f"{self.pictures} pictures, {len(self.rows)} questions, encoder {self.encoder}"


def make_sheet(collection: Collection, engine: Engine, folder: Path, lines: Lines) -> Sheet:
    """Ask the questions; only pictures below `folder` are shown. Raises what the engine raises."""
    rows = tuple(_row(collection, engine, folder, line) for line in lines)
    status = collection.status()
    encoder = status["encoder"] or "none"
    return Sheet(status["pictures"], encoder, collection.notice(encoder), rows)


def _row(collection: Collection, engine: Engine, folder: Path, line: str) -> Row:
    query = parse(line)
    asked = next((term.subject for term in query.terms if isinstance(term.subject, PictureId)), None)
    results = engine.search(query, k=_ASKED, without=asked.id if asked else None)
    shown = tuple(result for result in results.results if below(folder, result.path))[:PICTURES]
    cards = tuple(_card(collection, folder, collection.catalog.picture(result.id)) for result in shown)
    example = collection.catalog.picture(asked.id) if asked else None
    return Row(
        line,
        _kind(query),
        _card(collection, folder, example) if example else None,
        _part(asked, example) if asked and example else None,
        replace(results, results=shown),
        cards,
    )


def _kind(query: Query) -> str:
    first, *rest = query.terms
    kind = "words"
    if isinstance(first.subject, PictureId):
        kind = "part of a picture" if first.subject.box else "a picture"
    for term in rest:
        more = "words" if isinstance(term.subject, Text) else "a picture"
        kind += f" minus {more}" if term.weight < 0 else f" plus {more}"
    return kind


def _card(collection: Collection, folder: Path, record: Record) -> Card:
    path = Path(record.path)
    name = path.relative_to(folder).as_posix() if path != folder and below(folder, record.path) else path.name
    captions = [caption.text for caption in record.captions if caption.language == "en"]
    try:
        thumbnail = thumbnail_path(collection.settings, record.hash).read_bytes()
    except FileNotFoundError:  # `pixloom check` finds it, `pixloom rebuild` makes it
        thumbnail = None
    return Card(record.id, name, captions[0] if captions else record.title or "", thumbnail)


def _part(asked: PictureId, record: Record) -> tuple[float, float, float, float] | None:
    if asked.box is None:
        return None
    x, y, width, height = asked.box
    right, bottom = min((x + width) / record.width, 1), min((y + height) / record.height, 1)
    return x / record.width, y / record.height, right, bottom
