"""Whose turn it is. The owner who was served longest ago comes first, whatever the others have queued; among the jobs
of one owner the larger priority does, and then the older one. A turn is one outcome, or one preview: so nobody waits
longer than one turn of every other owner, for each turn of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from indexer.job_tables import RUNNING, WAITING
from tuner.jobs.rows import ITEM, JOB

_OWNERS = select(JOB.c.owner).where(JOB.c.state == WAITING)
_SERVED = (
    select(JOB.c.owner, func.max(JOB.c.turn).label("turn")).where(JOB.c.owner.in_(_OWNERS)).group_by(JOB.c.owner)
).subquery()
_FIRST = (
    select(JOB)
    .join(_SERVED, _SERVED.c.owner == JOB.c.owner)
    .where(JOB.c.state == WAITING)
    .order_by(_SERVED.c.turn, JOB.c.priority.desc(), JOB.c.id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Queued:
    """A job that still has turns to come; `served` is the last turn that its owner had."""

    id: int
    owner: str
    priority: int
    turns: int
    served: int


def first(connection: Connection, only: int | None = None) -> Any:
    """The row of the waiting job whose turn it is, or of `only` that one if it waits; None where nothing waits."""
    if only is not None:
        return connection.execute(select(JOB).where(JOB.c.id == only, JOB.c.state == WAITING)).one_or_none()
    return connection.execute(_FIRST).one_or_none()


def latest(connection: Connection) -> int:
    """The number of the last turn that anybody had; 0 before the first."""
    return connection.scalar(select(func.max(JOB.c.turn))) or 0


def queued(connection: Connection) -> list[Queued]:
    """The jobs that wait or run, with the turns that they have yet to begin."""
    left = func.count(ITEM.c.position)
    query = (
        select(JOB.c.id, JOB.c.owner, JOB.c.priority, JOB.c.preview, left.label("left"))
        .outerjoin(ITEM, (ITEM.c.job_id == JOB.c.id) & (ITEM.c.state == WAITING))
        .where(JOB.c.state.in_((WAITING, RUNNING)))
        .group_by(JOB.c.id, JOB.c.owner, JOB.c.priority, JOB.c.preview)
    )
    rows = connection.execute(query).all()
    last = select(JOB.c.owner, func.max(JOB.c.turn)).where(JOB.c.owner.in_({row.owner for row in rows}))
    served = {row[0]: row[1] for row in connection.execute(last.group_by(JOB.c.owner))}
    return [Queued(row.id, row.owner, row.priority, row.left + row.preview, served[row.owner]) for row in rows]


def places(jobs: Iterable[Queued]) -> dict[int, int]:
    """Id -> place in the queue: 1 for the job whose turn is the next, 1 more for each turn that comes before."""
    mine: dict[str, list[Queued]] = {}
    for job in sorted(jobs, key=lambda one: (-one.priority, one.id)):
        mine.setdefault(job.owner, []).append(job)
    # Owners of one age go by their best job, as `first` has it.
    owners = sorted(mine, key=lambda owner: (mine[owner][0].served, -mine[owner][0].priority, mine[owner][0].id))
    totals = {owner: sum(job.turns for job in mine[owner]) for owner in owners}
    found = {}
    for rank, owner in enumerate(owners):
        before = 0
        for job in mine[owner]:
            others = sum(
                min(totals[other], before + (place < rank)) for place, other in enumerate(owners) if other != owner
            )
            found[job.id] = before + others + 1
            before += job.turns
    return found
