"""What people do with pictures: kept with its time, taken back, exported, forgotten."""

import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from indexer.database import Database
from indexer.errors import NotFoundError, UsageError
from indexer.signal_tables import InterestRow, PersonRow, SignalRow, StandingRow
from indexer.tables import PictureRow
from search.taste.stamps import touch
from search.taste.standings import KINDS, keep, recompute

LONGEST_NAME = 256
LONGEST_LOOK = 86_400.0
"""Seconds that a picture can have been looked at."""
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that a person did with a picture; `seconds` of a view, `at` in UTC."""

    id: int
    user: str
    picture: int
    kind: str
    seconds: float | None
    at: datetime


def user_name(name: str) -> str:
    """A person's name without spaces around it; UsageError where it is empty, too long or can't be printed."""
    stripped = name.strip()
    if not stripped:
        raise UsageError("The user has no name: give it 1 to 256 characters.")
    if len(stripped) > LONGEST_NAME:
        raise UsageError(f"A user's name has at most {LONGEST_NAME} characters, not {len(stripped)}.")
    if stripped in (".", ".."):
        raise UsageError(f"{stripped!r} is no user's name: it would be no part of an address.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in stripped):
        raise UsageError("A user's name has no control characters: leave them out.")
    return stripped


class Signals:
    """The signals of one catalogue; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: str, picture: int, kind: str, seconds: float | None = None) -> Signal:
        """Keep a signal of a kind in KINDS; `seconds` is how long a view took.

        Of likes, dislikes and hides of one picture the last one stands. Raises NotFoundError for a picture that isn't
        in the collection, UsageError for anything else that is wrong.
        """
        user, at = user_name(user), datetime.now(UTC).replace(tzinfo=None)
        _check(kind, seconds)
        with self._database.write() as connection:
            _require_picture(connection, picture)
            touch(connection, user)
            row = insert(SignalRow).values(user=user, picture_id=picture, kind=kind, seconds=seconds, at=at)
            id = connection.execute(row.returning(SignalRow.id)).scalar_one()
            signal = Signal(id, user, picture, kind, seconds, at.replace(tzinfo=UTC))
            keep(connection, user, picture, kind, seconds, at, id)
        return signal

    def undo(self, user: str, picture: int | None = None, kind: str | None = None) -> Signal:
        """Take back the person's last signal, or the last of a picture or kind; the signal that is gone.

        What stood before it stands again. NotFoundError where there is none.
        """
        user = user_name(user)
        last = select(SignalRow.__table__).where(SignalRow.user == user).order_by(SignalRow.id.desc()).limit(1)
        if picture is not None:
            last = last.where(SignalRow.picture_id == min(max(picture, -1), _LARGEST_ID))
        if kind is not None:
            _check(kind, None)
            last = last.where(SignalRow.kind == kind)
        with self._database.write() as connection:
            touch(connection, user, rewritten=True)
            row = connection.execute(last).one_or_none()
            if row is None:
                of = f" of picture #{picture}" if picture is not None else ""
                raise NotFoundError(f"{user} has no {kind or 'signal'}{of} that could be taken back.")
            connection.execute(delete(SignalRow).where(SignalRow.id == row.id))
            recompute(connection, user, row.picture_id)
        return _signal(row)

    def export(self, user: str) -> dict[str, Any]:
        """All that is kept of a person, as one document; empty lists where there is nothing."""
        user = user_name(user)
        mine = select(SignalRow.__table__).where(SignalRow.user == user).order_by(SignalRow.id)
        settings = select(InterestRow.__table__).where(InterestRow.user == user).order_by(InterestRow.picture_id)
        dropped = select(StandingRow.picture_id).where(StandingRow.user == user, ~StandingRow.counts)
        with self._database.read() as connection:
            signals = connection.execute(mine).all()
            return {
                "user": user,
                "signals": [
                    {"id": row.id, "user": row.user, "picture": row.picture_id, "kind": row.kind}
                    | {"seconds": row.seconds, "at": _utc(row.at)}
                    for row in signals
                ],
                "interests": [
                    {
                        "picture": row.picture_id,
                        "weight": row.weight,
                        "muted": row.muted,
                        "at": row.at.replace(tzinfo=UTC).isoformat(),
                    }
                    for row in connection.execute(settings)
                ],
                "not_counted": sorted(connection.scalars(dropped)),
            }

    def forget(self, user: str) -> int:
        """Delete all that is kept of a person; how many signals that was. Harmless where there is nothing."""
        user = user_name(user)
        with self._database.write() as connection:
            touch(connection, user, rewritten=True)  # whoever writes for them at this moment waits
            gone = connection.execute(delete(SignalRow).where(SignalRow.user == user)).rowcount
            for table in (StandingRow, InterestRow, PersonRow):
                connection.execute(delete(table).where(table.user == user))
        self._database.scrub()
        return gone


def _check(kind: str, seconds: float | None) -> None:
    if kind not in KINDS:
        raise UsageError(f"There is no signal {kind!r}: choose one of {', '.join(KINDS)}.")
    if seconds is None:
        return
    if kind != "view":
        raise UsageError(f"A {kind} takes no seconds: only a view does.")
    if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_LOOK):
        raise UsageError(f"A view of {seconds} seconds can't be: give 0 to {LONGEST_LOOK:.0f}.")


def _require_picture(connection: Connection, picture: int) -> None:
    known = 0 <= picture <= _LARGEST_ID and connection.scalar(select(PictureRow.live).where(PictureRow.id == picture))
    if not known:
        raise NotFoundError(f"There is no picture #{picture} in the collection.")


def _signal(row: Any) -> Signal:
    return Signal(row.id, row.user, row.picture_id, row.kind, row.seconds, row.at.replace(tzinfo=UTC))


def _utc(at: datetime) -> str:
    return at.replace(tzinfo=UTC).isoformat()
