"""What workers do with jobs in the catalogue: take a turn, say where it stands, give it back, and take over the turns
of workers that are gone. Each is one transaction, so a worker may be killed between any two of them."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, exists, select, update

from indexer.database import Database
from indexer.job_tables import DONE, FAILED, PAUSED, RUNNING, WAITING
from tuner.jobs import order
from tuner.jobs.rows import ITEM, JOB, SEEDS, change, changing, end, now, settle
from tuner.jobs.task import Ended, Failure, Outcome, Step, Stopped, Task

LEASE = 10.0
"""Seconds after which a worker that gave no sign is taken for dead."""
MOST_ATTEMPTS = 3
"""How often an outcome is begun whose worker dies of it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn that was taken, and how it ended."""

    task: Task
    ended: Ended


class Turns:
    """The turns of one worker, which goes by a `name` that no other has."""

    def __init__(
        self, database: Database, name: str, previews: Path, lease: float = LEASE, only: int | None = None
    ) -> None:
        """`previews` is the folder that previews are put into; `lease` in seconds; `only` the one job whose turns are
        taken."""
        self._database, self._name, self._previews, self._lease = database, name, previews, lease
        self._only = only

    def take(self, last: Finished | None = None) -> Task | None:
        """Give the last turn back and take the next, in one step; None where nothing waits."""
        with changing(self._database) as connection:
            if last is not None:
                self._give(connection, last)
            row = order.first(connection, self._only)
            return None if row is None else self._begin(connection, row)

    def give(self, last: Finished) -> None:
        """Give a turn back and take none."""
        with changing(self._database) as connection:
            self._give(connection, last)

    def waiting(self) -> bool:
        """Whether there is a turn to take."""
        with self._database.read() as connection:
            mine = JOB.c.state == WAITING if self._only is None else (JOB.c.id == self._only) & (JOB.c.state == WAITING)
            return connection.scalar(select(exists().where(mine))) or False

    def go_on(self, task: Task) -> bool:
        """Whether a turn is still this worker's, and wanted."""
        query = select(JOB.c.cancel).where(JOB.c.id == task.job, *self._held())
        with self._database.read() as connection:
            return connection.scalar(query) is False

    def began(self, task: Task) -> None:
        """Note that the first step was taken: until then its process and its models were loaded, which is no measure
        of how long the rest will take."""
        with self._database.write() as connection:
            _item(connection, task, started_at=now())

    def stands(self, task: Task, step: Step) -> None:
        """Note where a turn stands."""
        values = {"step": step.done, "steps": step.total, "what": step.what, "heartbeat": now()}
        with self._database.write() as connection:
            connection.execute(update(JOB).where(JOB.c.id == task.job, *self._held()).values(**values))

    def beat(self) -> None:
        """Say that this worker lives."""
        with self._database.write() as connection:
            connection.execute(update(JOB).where(*self._held()).values(heartbeat=now()))

    def take_over(self) -> int:
        """Let jobs go on whose worker gave no sign for longer than the lease; how many.

        What was finished stays finished; the outcome that was worked on is begun again.
        """
        since = now() - timedelta(seconds=self._lease)
        gone = select(JOB.c.id).where(JOB.c.state == RUNNING, JOB.c.heartbeat < since)
        with self._database.read() as connection:  # seldom any: no reason to make writers wait
            if connection.execute(gone).first() is None:
                return 0
        with changing(self._database) as connection:
            ids = list(connection.scalars(gone))
            for id in ids:
                change(connection, id, "Its worker gave no sign any more: it is taken over.")
                _release(connection, id)
                settle(connection, id)
        return len(ids)

    def _held(self) -> tuple[Any, ...]:
        return JOB.c.worker == self._name, JOB.c.state == RUNNING

    def _begin(self, connection: Connection, row: Any) -> Task:
        at, latest = now(), order.latest(connection)
        change(
            connection,
            row.id,
            None if row.started_at else "It has begun.",
            state=RUNNING,
            worker=self._name,
            heartbeat=at,
            started_at=row.started_at or at,
            turn=latest + 1,
            what="preview" if row.preview else "",
        )
        query = select(ITEM).where(ITEM.c.job_id == row.id, ITEM.c.state == WAITING).order_by(ITEM.c.position)
        item = connection.execute(query.limit(1)).one()
        mine = (ITEM.c.job_id == row.id) & (ITEM.c.position == item.position)
        connection.execute(update(ITEM).where(mine).values(state=RUNNING, started_at=at, attempts=ITEM.c.attempts + 1))
        folder = self._previews if row.preview else Path(row.folder) if row.folder else None
        return Task(
            job=row.id,
            position=item.position,
            pictures=(() if item.picture_id is None else (item.picture_id,)) + tuple(item.further),
            operation=row.operation,
            parameters=row.parameters,
            seed=(row.seed + item.candidate) % SEEDS,
            owner=row.owner,
            folder=folder,
            preview=row.preview,
            confirmed=row.confirm_rights,
        )

    def _give(self, connection: Connection, last: Finished) -> None:
        row = connection.execute(select(JOB).where(JOB.c.id == last.task.job, *self._held())).one_or_none()
        if row is None:  # it was given to another worker meanwhile, whose turn it is now
            return
        give = _give_preview if last.task.preview else _give_item
        give(connection, row, last)


def _give_preview(connection: Connection, row: Any, last: Finished) -> None:
    match last.ended:
        case Outcome() as made:
            _item(connection, last.task, state=WAITING, attempts=0)
            change(connection, row.id, "There is a preview.", preview=False, preview_path=_text(made.path))
            settle(connection, row.id)
            if row.confirm and not row.cancel:
                told = "It waits for its owner to look at the preview."
                change(connection, row.id, told, state=PAUSED)
        case Failure(reason):
            _item(connection, last.task, state=FAILED, reason=reason)
            end(connection, row.id, FAILED, reason)
        case Stopped():
            _release(connection, row.id, forgiven=True)
            settle(connection, row.id)


def _give_item(connection: Connection, row: Any, last: Finished) -> None:
    match last.ended:
        case Outcome() as made:
            values = {"outcome_id": made.picture, "outcome_path": _text(made.path), "notes": list(made.notes)}
            figures = {"cosine": made.cosine, "ssim": made.ssim, "seconds": made.seconds}
            _item(connection, last.task, state=DONE, reason=None, **values, **figures)
            settle(connection, row.id)
        case Failure(reason, hopeless):
            _item(connection, last.task, state=FAILED, reason=reason)
            if hopeless:
                end(connection, row.id, FAILED, reason)
            else:
                settle(connection, row.id)
        case Stopped():
            _release(connection, row.id, forgiven=True)
            settle(connection, row.id)


def _release(connection: Connection, job: int, *, forgiven: bool = False) -> None:
    """Let the outcome that was worked on wait again; or fail, where it was begun too often."""
    mine = (ITEM.c.job_id == job) & (ITEM.c.state == RUNNING)
    if forgiven:
        connection.execute(update(ITEM).where(mine).values(state=WAITING, attempts=ITEM.c.attempts - 1))
        return
    reason = f"It was begun {MOST_ATTEMPTS} times, and each time the worker died or was killed."
    often = mine & (ITEM.c.attempts >= MOST_ATTEMPTS)
    connection.execute(update(ITEM).where(often).values(state=FAILED, reason=reason))
    connection.execute(update(ITEM).where(mine).values(state=WAITING))


def _item(connection: Connection, task: Task, **values: Any) -> None:
    mine = (ITEM.c.job_id == task.job) & (ITEM.c.position == task.position)
    connection.execute(update(ITEM).where(mine).values(**values))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
