"""What a person's signals of a picture come to: one row for each picture, kept along with the signals."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from indexer.signal_tables import SignalRow, StandingRow

KINDS = ("like", "dislike", "hide", "download", "tune", "view")
"""What can be done with a picture. Of the first three the last one stands; without any, the strongest of the rest."""
OPINIONS = KINDS[:3]
POSITIVE = ("like", "download", "tune", "view")
_LOOKS = 100
"""The last views of a picture whose seconds count when a signal is taken back."""


@dataclass(frozen=True, slots=True)
class _Last:
    """The last signal of a kind."""

    id: int
    kind: str
    at: datetime


def stands(before: str | None, kind: str) -> str:
    """The kind that stands after another signal."""
    if before is None or kind in OPINIONS:
        return kind
    return before if before in OPINIONS else min(before, kind, key=KINDS.index)


def keep(
    connection: Connection, user: str, picture: int, kind: str, seconds: float | None, at: datetime, signal: int
) -> None:
    """Count a new signal in, within its transaction."""
    mine = (StandingRow.user == user, StandingRow.picture_id == picture)
    query = select(StandingRow.kind, StandingRow.seconds, StandingRow.counts).where(*mine)
    row = connection.execute(query).one_or_none()
    values: dict[str, Any] = {"at": at, "signal_id": signal}
    if row is None:
        values |= {"user": user, "picture_id": picture, "kind": kind, "seconds": seconds}
        values |= {"counts": True}
        connection.execute(insert(StandingRow).values(values))
        return
    looked = [one for one in (row.seconds, seconds) if one is not None]
    # Looking again at a picture of an interest that was deleted doesn't bring it back; doing more does.
    values |= {"kind": stands(row.kind, kind), "seconds": max(looked, default=None)}
    values |= {"counts": row.counts or kind != "view"}
    connection.execute(update(StandingRow).where(*mine).values(values))


def recompute(connection: Connection, user: str, picture: int) -> None:
    """Say again what the signals of a picture come to, after one of them was taken away."""
    mine = (StandingRow.user == user, StandingRow.picture_id == picture)
    lasts = [last for kind in KINDS if (last := _last(connection, user, picture, kind)) is not None]
    if not lasts:
        connection.execute(delete(StandingRow).where(*mine))
        return
    opinions = [last for last in lasts if last.kind in OPINIONS]
    standing = max(opinions, key=lambda last: last.id) if opinions else lasts[0]
    newest = max(lasts, key=lambda last: last.id)
    looks = select(SignalRow.seconds).where(SignalRow.user == user, SignalRow.picture_id == picture)
    looks = looks.where(SignalRow.kind == "view").order_by(SignalRow.id.desc()).limit(_LOOKS)
    seconds = max((look for look in connection.scalars(looks) if look is not None), default=None)
    dropped = connection.scalar(select(StandingRow.dropped).where(*mine)) or 0
    counts = not dropped or any(last.kind != "view" and last.id > dropped for last in lasts)
    values = {"kind": standing.kind, "seconds": seconds, "at": newest.at, "signal_id": newest.id, "counts": counts}
    connection.execute(update(StandingRow).where(*mine).values(values))


def _last(connection: Connection, user: str, picture: int, kind: str) -> _Last | None:
    query = select(SignalRow.id, SignalRow.at).where(
        SignalRow.user == user, SignalRow.picture_id == picture, SignalRow.kind == kind
    )
    row = connection.execute(query.order_by(SignalRow.id.desc()).limit(1)).one_or_none()
    return None if row is None else _Last(row.id, kind, row.at)
