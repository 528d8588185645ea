"""Two indexes of one collection held side by side: what the user's own questions find in each, and what they cost."""

import random
import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from indexer.collection import Collection
from indexer.errors import EncoderError, PixloomError
from indexer.indexes import vector_file
from indexer.models import find
from indexer.records import IndexInfo
from indexer.tables import CaptionRow, KeywordRow, PictureRow
from indexer.types import OnProgress, Progress
from search.engine import Engine
from search.history import History
from search.query import PictureId, Query, Term, Text, parse

K = 10
_MOST, _ENOUGH = 50, 20
"""Queries that are asked at most; below so many recent ones, the collection's own words and pictures join them."""
_SAMPLED = 10_000
"""Captions, keywords or pictures that a sample is drawn from."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One query: the share in 0..1 of the new index's ten best that are the old one's too, and milliseconds."""

    query: str
    origin: str
    """recent, caption, keyword or picture."""
    overlap: float
    old_ms: float
    new_ms: float


@dataclass(frozen=True, slots=True)
class Side:
    """What one index costs. Bytes; the median time of a query in milliseconds, embedding included."""

    encoder: str
    dimension: int
    vectors: int
    latency_ms: float | None
    index_bytes: int
    """Of its files: on disk, and in memory while it answers."""
    model_bytes: int | None
    """Of the model's weights, where that is known."""

    @property
    def memory_bytes(self) -> int:
        """Index and model together, as far as the model's size is known."""
        return self.index_bytes + (self.model_bytes or 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Old against new; `overlap` is the mean over the queries, None where there was none to ask."""

    old: Side
    new: Side
    overlap: float | None
    queries: tuple[Compared, ...]
    skipped: int = 0
    """Queries that one of the two couldn't answer."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        sides = {name: asdict(side) | {"memory_bytes": side.memory_bytes} for name, side in self._sides()}
        queries = [_renamed(asdict(one)) for one in self.queries]
        return {**sides, "overlap@10": self.overlap, "queries": queries, "skipped": self.skipped}

    def _sides(self) -> tuple[tuple[str, Side], ...]:
        return ("old", self.old), ("new", self.new)


def compare(
    collection: Collection,
    old: IndexInfo,
    new: IndexInfo,
    *,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Ask both indexes the user's recent queries, and, where these are few, captions, keywords and pictures of
    the collection. Times are of one query at a time on this machine, without the cache of embedded queries."""
    engines = Engine(collection, old.id), Engine(collection, new.id)
    asked = questions(collection)
    progress = Progress("compare", 0, len(asked))
    readable = all(_warm(engine) for engine in engines) if asked else True
    compared = []
    for origin, line in asked:
        if should_stop():
            break
        with suppress(PixloomError):  # such as a picture that is gone since it was asked for
            if readable or _only_pictures(line):
                compared.append(_compare(engines, origin, line))
        progress.done += 1
        if on_progress:
            on_progress(progress)
    sides = [
        _side(collection, index, [getattr(one, name) for one in compared])
        for index, name in ((_now(engines[0], old), "old_ms"), (_now(engines[1], new), "new_ms"))
    ]
    overlap = round(statistics.fmean(one.overlap for one in compared), 4) if compared else None
    return Comparison(sides[0], sides[1], overlap, tuple(compared), progress.done - len(compared))


def _warm(engine: Engine) -> bool:
    """Load the model, so that no query's time holds that; whether there is one that reads words."""
    try:
        engine.search("a picture", k=1)
    except EncoderError:  # an older version that isn't here any more
        return False
    return True


def _only_pictures(line: str) -> bool:
    return all(isinstance(term.subject, PictureId) and term.subject.box is None for term in parse(line).terms)


def _now(engine: Engine, index: IndexInfo) -> IndexInfo:
    snapshot = engine.snapshot()
    return snapshot.index if snapshot else index


def questions(collection: Collection) -> list[tuple[str, str]]:
    """(origin, line) of the queries to compare on."""
    asked = [("recent", line) for line in History(collection.settings).recent(_MOST)]
    if len(asked) < _ENOUGH:
        known = {line for _, line in asked}
        more = [one for one in _of_collection(collection) if one[1] not in known]
        asked += more[: _ENOUGH - len(asked)]
    return asked


def _of_collection(collection: Collection) -> Iterator[tuple[str, str]]:
    """Captions, keywords and pictures in turn, chosen by chance but always the same."""
    of_live = PictureRow.live.is_(True)
    captions = select(CaptionRow.text).join(PictureRow, PictureRow.id == CaptionRow.picture_id).order_by(CaptionRow.id)
    keywords = select(KeywordRow.text).join(PictureRow, PictureRow.id == KeywordRow.picture_id)
    keywords = keywords.order_by(KeywordRow.picture_id, KeywordRow.text)
    chance = random.Random(0)
    lists = []
    for origin, query in (
        ("caption", captions),
        ("keyword", keywords),
        ("picture", select(PictureRow.id).order_by(PictureRow.id)),
    ):
        with collection.catalog.database.read() as connection:
            found = list(dict.fromkeys(connection.scalars(query.where(of_live).limit(_SAMPLED))))
        lists.append([(origin, _line_of(one)) for one in chance.sample(found, min(_ENOUGH, len(found)))])
    for place in range(_ENOUGH):
        yield from (one[place] for one in lists if place < len(one))


def _line_of(one: str | int) -> str:
    return str(Query((Term(Text(one) if isinstance(one, str) else PictureId(one)),)))


def _compare(engines: tuple[Engine, Engine], origin: str, line: str) -> Compared:
    old, new = (engine.search(line, k=K, show_all=True) for engine in engines)
    found = {result.id for result in old.results}, {result.id for result in new.results}
    most = max(map(len, found))
    overlap = len(found[0] & found[1]) / most if most else 1.0
    return Compared(line, origin, round(overlap, 4), old.took_ms, new.took_ms)


def _side(collection: Collection, index: IndexInfo, times: list[float]) -> Side:
    spec = find(index.encoder)
    return Side(
        index.encoder,
        index.dimension,
        index.rows,
        round(statistics.median(times), 2) if times else None,
        vector_file(collection.settings, index).bytes(),
        spec.size if spec else None,
    )


def _renamed(one: dict[str, Any]) -> dict[str, Any]:
    return {"overlap@10" if name == "overlap" else name: value for name, value in one.items()}
