"""Steps that several transactions on jobs share."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from indexer.database import Database
from indexer.job_tables import CANCELLED, DONE, FAILED, RUNNING, WAITING, JobItemRow, JobRow
from indexer.tables import Base

JOB, ITEM = (Base.metadata.tables[row.__tablename__] for row in (JobRow, JobItemRow))
SEEDS = 2**32
"""Seeds go from 0 to one less than this, and then begin again."""
_LONGEST_LOG = 200
_UNFINISHED = (WAITING, RUNNING)


def now() -> datetime:
    """The time in UTC, as the catalogue keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def changing(database: Database) -> Iterator[Connection]:
    """A transaction on jobs, one after another, in whatever process: what it has read stays true until it ends."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE"))
        yield connection


def change(connection: Connection, job: int, told: str | None = None, **values: Any) -> None:
    """Set columns of a job, and put a sentence into its log."""
    if told is not None:
        log = connection.scalar(select(JOB.c.log).where(JOB.c.id == job)) or []
        values["log"] = [*log, [now().isoformat(timespec="seconds") + "Z", told]][-_LONGEST_LOG:]
    connection.execute(update(JOB).where(JOB.c.id == job).values(**values))


def settle(connection: Connection, job: int) -> None:
    """Take a job out of its worker's hands: it waits for its next turn, or has ended."""
    wanted = connection.scalar(select(JOB.c.cancel).where(JOB.c.id == job))
    if wanted:
        end(connection, job, CANCELLED, "It was cancelled.")
        return
    counts = _counts(connection, job)
    if counts.get(WAITING):
        change(connection, job, state=WAITING, worker=None, heartbeat=None, step=0, steps=0, what="")
        return
    done, failed = counts.get(DONE, 0), counts.get(FAILED, 0)
    if not failed:
        end(connection, job, DONE)
    elif done:
        end(connection, job, DONE, f"{failed} of {done + failed} pictures have no outcome.")
    else:
        first = select(ITEM.c.reason).where(ITEM.c.job_id == job, ITEM.c.state == FAILED).order_by(ITEM.c.position)
        end(connection, job, FAILED, connection.scalar(first.limit(1)))


def end(connection: Connection, job: int, state: str, reason: str | None = None) -> None:
    """Let a job end; what it hasn't done is cancelled."""
    rest = update(ITEM).where(ITEM.c.job_id == job, ITEM.c.state.in_(_UNFINISHED))
    connection.execute(rest.values(state=CANCELLED))
    values = {"state": state, "reason": reason, "ended_at": now(), "worker": None, "heartbeat": None}
    told = f"{state.capitalize()}: {reason}" if reason else f"{state.capitalize()}."
    change(connection, job, told, **values, step=0, steps=0, what="", preview=False, cancel=False)


def _counts(connection: Connection, job: int) -> dict[str, int]:
    query = select(ITEM.c.state, func.count().label("items")).where(ITEM.c.job_id == job).group_by(ITEM.c.state)
    return {row.state: row.items for row in connection.execute(query)}
