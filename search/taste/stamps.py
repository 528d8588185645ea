"""When anything of a person last changed: what readers compare, and what makes writers for one person take turns."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, case, select
from sqlalchemy.dialects import postgresql, sqlite

from indexer.signal_tables import PersonRow


@dataclass(frozen=True, slots=True)
class Stamp:
    """`last` of any change, `rewritten` of the last that took something away; both 0 for one who is new."""

    last: int = 0
    rewritten: int = 0


NEW = Stamp()


def touch(connection: Connection, user: str, *, rewritten: bool = False) -> None:
    """Note a change, within its transaction and before it: another writer for the same person then waits."""
    now = time.time_ns()
    last = case((PersonRow.stamp >= now, PersonRow.stamp + 1), else_=now)
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = make(PersonRow).values(user=user, stamp=now, rewritten=now)
    changes = {"stamp": last, "rewritten": last} if rewritten else {"stamp": last}
    connection.execute(row.on_conflict_do_update(index_elements=["user"], set_=changes))


_STAMP = select(PersonRow.stamp, PersonRow.rewritten)


def stamp_of(connection: Connection, user: str) -> Stamp:
    """The person's stamp; NEW for one nobody knows."""
    row = connection.execute(_STAMP.where(PersonRow.user == user)).one_or_none()
    return NEW if row is None else Stamp(row.stamp, row.rewritten)
