"""How a person steers: what they set for an interest, kept for the picture that names it."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from indexer.database import Database
from indexer.errors import UsageError
from indexer.signal_tables import InterestRow, StandingRow
from search.taste.stamps import touch
from search.taste.standings import POSITIVE

HEAVIEST = 100.0
OLDEST = 10_000
"""Pictures that were liked last, among which those of a deleted interest are looked for."""
_AT_ONCE = 500


def check_weight(weight: float) -> float:
    """A weight that an interest can have; UsageError otherwise."""
    if not (math.isfinite(weight) and 0 <= weight <= HEAVIEST):
        raise UsageError(f"An interest's weight is {weight}: give 0 to {HEAVIEST:.0f}, where 1 is usual.")
    return weight


def store_setting(database: Database, user: str, picture: int, weight: float, muted: bool) -> None:
    """Keep what was set for the interest named by a picture, in place of what was set for it before."""
    at = datetime.now(UTC).replace(tzinfo=None)
    values: dict[str, Any] = {"weight": check_weight(weight), "muted": muted, "at": at}
    with database.write() as connection:
        touch(connection, user)
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = make(InterestRow).values(user=user, picture_id=picture, **values)
        connection.execute(row.on_conflict_do_update(index_elements=["user", "picture_id"], set_=values))


def liked_pictures(connection: Connection, user: str) -> list[int]:
    """What the person liked in whatever way and what counts of it, the last first; OLDEST of them at most."""
    query = select(StandingRow.picture_id).where(
        StandingRow.user == user, StandingRow.kind.in_(POSITIVE), StandingRow.counts
    )
    return list(connection.scalars(query.order_by(StandingRow.signal_id.desc()).limit(OLDEST)))


def stop_counting(database: Database, user: str, pictures: Sequence[int]) -> None:
    """Let the signals of these pictures say nothing of taste any more; they stay, and stay seen."""
    with database.write() as connection:
        touch(connection, user)
        for start in range(0, len(pictures), _AT_ONCE):
            some = list(pictures[start : start + _AT_ONCE])
            mine = (StandingRow.user == user, StandingRow.picture_id.in_(some))
            gone = update(StandingRow).where(*mine, StandingRow.kind.in_(POSITIVE))
            connection.execute(gone.values(counts=False, dropped=StandingRow.signal_id))
            connection.execute(delete(InterestRow).where(InterestRow.user == user, InterestRow.picture_id.in_(some)))
