"""What a person's signals come to, read: what they liked lately and how much, what they disliked, what they saw."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, select

from indexer.database import Database
from indexer.signal_tables import InterestRow, StandingRow
from indexer.types import Floats, Ids
from search.taste.stamps import NEW, Stamp, stamp_of

WEIGHTS = {"like": 1.0, "download": 0.7, "tune": 0.7, "view": 0.1}
"""What a signal says of taste, beside a like."""
LONG_LOOK, LONG_VIEW = 10.0, 0.4
"""Seconds from which a view says more, and how much."""
HALF_LIFE = 30.0
"""Days after which a signal says half as much."""
RECENT = {"like": 300, "download": 100, "tune": 100, "view": 100}
"""The last pictures of each kind that taste is read from."""
RECENT_DISLIKES = 300
_PEOPLE = 256
"""Whose standings are kept in memory."""

# Put together once: that costs more than asking them.
_MINE = StandingRow.user == bindparam("user")
_SINCE = select(StandingRow.picture_id, StandingRow.kind, StandingRow.signal_id).where(
    _MINE, StandingRow.signal_id > bindparam("last")
)
_RECENT = (
    select(StandingRow.picture_id, StandingRow.kind, StandingRow.seconds, StandingRow.at, StandingRow.signal_id)
    .where(_MINE, StandingRow.kind == bindparam("kind"), StandingRow.counts)
    .order_by(StandingRow.signal_id.desc())
    .limit(bindparam("most"))
)
_SETTINGS = (
    select(InterestRow.picture_id, InterestRow.weight, InterestRow.muted, InterestRow.at)
    .where(InterestRow.user == bindparam("user"))
    .order_by(InterestRow.picture_id)
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a person set for the interest that holds a picture."""

    picture: int
    weight: float
    muted: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """`liked` [n] with `weights` [n] above 0, newest first; `seen`, ascending, is all that they did anything with."""

    liked: Ids
    weights: Floats
    disliked: Ids
    hidden: Ids
    seen: Ids
    settings: tuple[Setting, ...] = ()
    stamp: Stamp = NEW


class Standings:
    """Everybody's standing; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, tuple[Standing, int]] = OrderedDict()
        self._lock = Lock()

    def of(self, user: str) -> Standing:
        """A person's standing as it is now; one nobody knows has done nothing."""
        with self._database.read() as connection:
            stamp = stamp_of(connection, user)
            with self._lock:
                before, last = self._kept.get(user, (None, 0))
            if before is not None and before.stamp == stamp:
                return before
            if before is not None and before.stamp.rewritten != stamp.rewritten:
                before, last = None, 0
            standing, last = _read(connection, user, stamp, before, last)
        with self._lock:
            self._kept[user] = (standing, last)
            self._kept.move_to_end(user)
            while len(self._kept) > _PEOPLE:
                self._kept.popitem(last=False)
        return standing


def _read(connection: Connection, user: str, stamp: Stamp, before: Standing | None, last: int) -> tuple[Standing, int]:
    """The standing, and the last signal that it knows. What was seen is added to what was known before: it may be
    the whole collection."""
    if stamp == NEW:
        return Standing(*_nothing()), 0
    touched = connection.execute(_SINCE, {"user": user, "last": last}).all()
    seen = np.sort(_ids([row.picture_id for row in touched]))
    hidden = np.sort(_ids([row.picture_id for row in touched if row.kind == "hide"]))
    if before is not None:
        hidden = _with(before.hidden[~np.isin(before.hidden, seen)], hidden)
        seen = _with(before.seen, seen)
    liked = [row for kind in WEIGHTS for row in _recent(connection, user, kind, RECENT[kind])]
    liked.sort(key=lambda row: -row.signal_id)
    disliked = _recent(connection, user, "dislike", RECENT_DISLIKES)
    standing = Standing(
        liked=_ids([row.picture_id for row in liked]),
        weights=weights_of(liked),
        disliked=_ids([row.picture_id for row in disliked]),
        hidden=hidden,
        seen=seen,
        settings=_settings(connection, user),
        stamp=stamp,
    )
    return standing, max((row.signal_id for row in touched), default=last)


def weights_of(rows: Sequence[Any]) -> Floats:
    """What each row (kind, seconds, at) says of taste, beside the newest: less the older it is."""
    if not rows:
        return np.zeros(0, np.float32)
    newest = max(row.at for row in rows)
    ages = np.array([(newest - row.at).total_seconds() / 86_400 for row in rows])
    strengths = np.array([_strength(row.kind, row.seconds) for row in rows])
    # Never nothing: a group needs a middle, however old it is.
    return np.maximum(strengths * 2 ** (-ages / HALF_LIFE), 1e-6).astype(np.float32)


def _strength(kind: str, seconds: float | None) -> float:
    return LONG_VIEW if kind == "view" and (seconds or 0) >= LONG_LOOK else WEIGHTS[kind]


def _recent(connection: Connection, user: str, kind: str, most: int) -> Sequence[Any]:
    return connection.execute(_RECENT, {"user": user, "kind": kind, "most": most}).all()


def _settings(connection: Connection, user: str) -> tuple[Setting, ...]:
    return tuple(Setting(*row) for row in connection.execute(_SETTINGS, {"user": user}))


def _with(many: Ids, few: Ids) -> Ids:
    """Both as one, each once; both ascend."""
    new = few[~np.isin(few, many, assume_unique=True)]
    return np.insert(many, np.searchsorted(many, new), new)


def _ids(ids: Sequence[int]) -> Ids:
    return np.array(ids, np.int64)


def _nothing() -> tuple[Ids, Floats, Ids, Ids, Ids]:
    none = np.zeros(0, np.int64)
    return none, np.zeros(0, np.float32), none, none, none
