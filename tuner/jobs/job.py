"""Jobs as they are shown: where each stands, its place in the queue, and how long it will still take."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from indexer.job_tables import DONE, ENDED, FAILED, PAUSED, RUNNING, WAITING
from tuner.jobs import order
from tuner.jobs.rows import ITEM, JOB, SEEDS, now

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Item:
    """One outcome of a job; `picture` is the first of those it is made from, `outcome` the one made."""

    position: int
    picture: int | None
    further: tuple[int, ...]
    candidate: int
    """Which outcome of the same pictures it is, from 0."""
    seed: int
    state: str
    reason: str | None
    notes: tuple[str, ...]
    outcome: int | None
    path: str | None
    seconds: float | None
    cosine: float | None
    ssim: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job; times in UTC, `eta` in seconds of work."""

    id: int
    owner: str
    state: str
    operation: str
    parameters: dict[str, Any]
    seed: int
    priority: int
    confirm: bool
    cancelling: bool
    """Its owner wants it to stop, and it is about to."""
    place: int | None
    """In the queue while it waits, from 1: how many outcomes are made before its next one, and 1."""
    total: int
    """Outcomes that it shall have."""
    done: int
    failed: int
    step: int
    steps: int
    """Steps done, and in all, of the picture that is worked on."""
    what: str
    eta: float | None
    """Of its own work that is left; None where nothing is known yet, or nothing is left."""
    preview: Path | None
    """The file of its preview."""
    folder: str | None
    retry_of: int | None
    reason: str | None
    """Why it failed, or not all of it is done."""
    log: tuple[tuple[str, str], ...]
    """Time and sentence."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class _Tally:
    """What is known of the items of a job."""

    counts: dict[str, int]
    mean: float | None
    """Seconds that an outcome took."""
    since: datetime | None
    """When the one that is worked on was begun."""


def jobs_of(connection: Connection, rows: Sequence[Any]) -> list[Job]:
    """The jobs of rows of their table, in that order."""
    if not rows:
        return []
    tallies = _tallies(connection, [row.id for row in rows])
    waits = any(row.state == WAITING for row in rows)
    places = order.places(order.queued(connection)) if waits else {}
    return [_job(row, tallies[row.id], places.get(row.id) if row.state == WAITING else None) for row in rows]


def items_of(connection: Connection, job: int) -> list[Item]:
    """The items of a job, in order."""
    query = select(ITEM, JOB.c.seed).join(JOB, JOB.c.id == ITEM.c.job_id).where(ITEM.c.job_id == job)
    rows = connection.execute(query.order_by(ITEM.c.position))
    return [
        Item(
            row.position,
            row.picture_id,
            tuple(row.further),
            row.candidate,
            (row.seed + row.candidate) % SEEDS,
            row.state,
            row.reason,
            tuple(row.notes),
            row.outcome_id,
            row.outcome_path,
            row.seconds,
            row.cosine,
            row.ssim,
        )
        for row in rows
    ]


def seconds_left(
    waiting: int, mean: float | None, elapsed: float | None, step: int = 0, steps: int = 0
) -> float | None:
    """How long the outcomes that wait, and the one that is worked on, will take.

    `mean` seconds that earlier ones took, `elapsed` seconds of the present one, of which `step` of `steps` are done.
    None where nothing is known of either.
    """
    share = min(step / steps, 1.0) if steps else 0.0
    each = elapsed / share if mean is None and elapsed and share else mean
    if each is None:
        return None
    if elapsed is None:
        return waiting * each
    present = each * (1 - share) if share else max(each - elapsed, 0.0)
    return present + waiting * each


def _tallies(connection: Connection, ids: Sequence[int]) -> dict[int, _Tally]:
    found: dict[int, list[Any]] = {id: [] for id in ids}
    for start in range(0, len(ids), _AT_ONCE):
        query = select(
            ITEM.c.job_id,
            ITEM.c.state,
            func.count().label("count"),
            func.avg(ITEM.c.seconds).label("mean"),
            func.max(ITEM.c.started_at).label("since"),
        ).where(ITEM.c.job_id.in_(ids[start : start + _AT_ONCE]))
        for row in connection.execute(query.group_by(ITEM.c.job_id, ITEM.c.state)):
            found[row.job_id].append(row)
    return {id: _tally(rows) for id, rows in found.items()}


def _tally(rows: Sequence[Any]) -> _Tally:
    states = {row.state: row for row in rows}
    done, running = states.get(DONE), states.get(RUNNING)
    counts = {state: int(row.count) for state, row in states.items()}
    return _Tally(counts, done.mean if done else None, running.since if running else None)


def _job(row: Any, tally: _Tally, place: int | None) -> Job:
    eta = None
    if row.state in (WAITING, RUNNING, PAUSED) and not row.preview:
        elapsed = None if tally.since is None else max((now() - tally.since).total_seconds(), 0.0)
        eta = seconds_left(tally.counts.get(WAITING, 0), tally.mean, elapsed, row.step, row.steps)
    same = ("id", "owner", "state", "operation", "parameters", "seed", "priority", "confirm", "step", "steps", "what")
    return Job(
        **{name: getattr(row, name) for name in same},
        cancelling=row.cancel,
        place=place,
        total=sum(tally.counts.values()),
        done=tally.counts.get(DONE, 0),
        failed=tally.counts.get(FAILED, 0),
        eta=eta,
        preview=Path(row.preview_path) if row.preview_path else None,
        folder=row.folder,
        retry_of=row.retry_of,
        reason=row.reason,
        log=tuple((at, told) for at, told in row.log),
        created_at=row.created_at.replace(tzinfo=UTC),
        started_at=row.started_at.replace(tzinfo=UTC) if row.started_at else None,
        ended_at=row.ended_at.replace(tzinfo=UTC) if row.ended_at else None,
    )
