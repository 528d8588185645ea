"""Ready feeds: what was photographed on this day, in earlier years."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, and_, func, or_, select

from indexer.collection import Collection
from indexer.errors import UsageError
from indexer.signal_tables import SignalRow
from indexer.tables import PictureRow
from indexer.types import Floats
from search.engine import Engine, took_ms
from search.taste.different import vectors_of
from search.taste.signals import user_name
from search.taste.variety import fold, varied

MAX_K = 1000
ENOUGH = 3
"""Pictures below which the nearest days of a year join the day itself."""
NEAREST = 7
"""Days that they lie away at most."""
DIVERSITY = 1.0
"""What likeness to a picture that is shown already costs, where a star of the rating counts a quarter."""
_STAR, _LIKE, _DAY = 0.25, 0.5, 0.1
"""What a star, a like, and a day less of distance are worth."""
_MOST = 300
"""Pictures of one year that are compared with each other."""
_AT_ONCE = 50
"""Spans of days, or pictures, that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A picture of a day; `days` it lies from the day asked about (0: on it), `alike` are versions folded into it."""

    id: int
    path: str
    captured_at: datetime
    days: int
    alike: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Year:
    """The pictures of one year, best and most varied first; `total` counts all, versions too."""

    year: int
    ago: int
    total: int
    pictures: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class OnThisDay:
    """The feed, newest year first."""

    day: date
    took_ms: float
    years: tuple[Year, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Found:
    id: int
    captured_at: datetime
    rating: int
    phash: int
    days: int
    liked: bool


def on_this_day(engine: Engine, day: date | None = None, *, k: int = 20, user: str | None = None) -> OnThisDay:
    """Pictures taken on this day (today by default) of earlier years, at most k of each year.

    Where a year has fewer than ENOUGH, those of the nearest days join, up to NEAREST days away. The day is that of the
    cameras' clocks; 29 February stands for 28 February in other years. What `user` hid is left out, and what they liked
    comes earlier. UsageError for k out of range, or a wrong name.
    """
    started = time.perf_counter()
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k is {k}: ask for 1 to {MAX_K} pictures of each year.")
    day = day or datetime.now(UTC).astimezone().date()
    user = None if user is None else user_name(user)
    found = _found(engine.collection, day, user)
    ids = [one.id for some in found.values() for one in some]
    snapshot = engine.snapshot() if ids else None
    looks = dict(zip(ids, vectors_of(snapshot, ids), strict=True))
    paths: dict[int, str] = {}
    for start in range(0, len(ids), _MOST):
        paths |= engine.collection.catalog.paths(ids[start : start + _MOST])
    years = [_year(day, year, some, k, looks, paths) for year, some in sorted(found.items(), reverse=True)]
    took = took_ms(started)
    return OnThisDay(day, took, tuple(year for year in years if year.pictures))


def anniversary(day: date, year: int) -> date:
    """The day of another year."""
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return date(year, 2, 28)


def _found(collection: Collection, day: date, user: str | None) -> dict[int, list[_Found]]:
    """Year -> its pictures that come into question, best first."""
    found: dict[int, list[_Found]] = {}
    with collection.catalog.database.read() as connection:
        earliest = connection.scalar(select(func.min(PictureRow.captured_at)))
        years = range(earliest.year, day.year) if earliest else range(0)
        for start in range(0, len(years), _AT_ONCE):
            rows = [row for row in connection.execute(_near(day, years[start : start + _AT_ONCE])) if row.live]
            opinions = opinions_of(connection, user, [row.id for row in rows]) if user else {}
            for row in rows:
                year, days = min(((one, _apart(row.captured_at, day, one)) for one in _around(row, day)), key=_second)
                if opinions.get(row.id) not in ("hide", "dislike"):
                    liked = opinions.get(row.id) == "like"
                    one = _Found(row.id, row.captured_at, row.rating or 0, row.phash, days, liked)
                    found.setdefault(year, []).append(one)
    return {year: _nearest(some) for year, some in found.items()}


def _near(day: date, years: Sequence[int]) -> Select[Any]:
    """Pictures of the days near this one in these years: ranges, so that the index on the time serves them."""
    spans = []
    for year in years:
        middle = datetime.combine(anniversary(day, year), datetime.min.time())
        start = middle - timedelta(days=NEAREST) if middle.year > 1 else middle
        spans.append(and_(PictureRow.captured_at >= start, PictureRow.captured_at < middle + timedelta(NEAREST + 1)))
    # Whether they live is asked afterwards: SQLite would rather go by that, through nearly all there are.
    table = PictureRow.__table__.c
    return select(table.id, table.captured_at, table.rating, table.phash, table.live).where(or_(*spans))


def _around(row: Any, day: date) -> list[int]:
    """The years whose day may be the nearest to when the picture was taken."""
    year = row.captured_at.year
    return [one for one in (year - 1, year, year + 1) if 1 <= one < day.year]


def _apart(at: datetime, day: date, year: int) -> int:
    return abs((at.date() - anniversary(day, year)).days)


def _second(pair: tuple[int, int]) -> int:
    return pair[1]


def opinions_of(connection: Connection, user: str, pictures: Sequence[int]) -> dict[int, str]:
    """Picture -> what the person said of it last: like, dislike or hide."""
    last: dict[int, tuple[int, str]] = {}
    for start in range(0, len(pictures), _AT_ONCE):
        query = (
            select(SignalRow.picture_id, SignalRow.kind, func.max(SignalRow.id).label("last"))
            .where(SignalRow.user == user, SignalRow.kind.in_(("like", "dislike", "hide")))
            .where(SignalRow.picture_id.in_(pictures[start : start + _AT_ONCE]))
            .group_by(SignalRow.picture_id, SignalRow.kind)
        )
        for row in connection.execute(query):
            last[row.picture_id] = max(last.get(row.picture_id, (-1, "")), (row.last, row.kind))
    return {id: kind for id, (_, kind) in last.items()}


def _nearest(some: list[_Found]) -> list[_Found]:
    """Those of the day; where they are few, also those of as few more days as it takes. Best first."""
    by_day = sorted(some, key=lambda one: one.days)
    last = by_day[min(ENOUGH, len(by_day)) - 1].days
    return sorted((one for one in by_day if one.days <= last), key=lambda one: (-_worth(one), one.id))[:_MOST]


def _worth(one: _Found) -> float:
    return _STAR * one.rating + _LIKE * one.liked - _DAY * one.days


def _year(
    day: date, year: int, some: Sequence[_Found], k: int, looks: dict[int, Floats], paths: dict[int, str]
) -> Year:
    vectors = np.stack([looks[one.id] for one in some])
    groups = fold(vectors, [one.phash for one in some])
    heads = [group[0] for group in groups]
    worth = np.array([_worth(some[head]) for head in heads])
    pictures = []
    for place in varied(worth, vectors[heads], k, DIVERSITY):
        one, alike = some[heads[place]], tuple(some[other].id for other in groups[place][1:])
        if one.id in paths:  # it may have gone since it was found
            pictures.append(Memory(one.id, paths[one.id], one.captured_at, one.days, alike))
    return Year(year, day.year - year, len(some), tuple(pictures))
