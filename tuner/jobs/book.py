"""The jobs that people asked for: added, listed, cancelled by their owners, done again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from indexer.config import Settings
from indexer.database import Database
from indexer.errors import ForbiddenError, LimitError, NotFoundError, UsageError
from indexer.job_tables import CANCELLED, DONE, ENDED, FAILED, PAUSED, RUNNING, WAITING
from indexer.tables import PictureRow
from search.taste.signals import user_name
from tuner.jobs.job import Item, Job, items_of, jobs_of
from tuner.jobs.rows import ITEM, JOB, SEEDS, change, changing, end, now
from tuner.jobs.turns import LEASE
from tuner.operation import Operation
from tuner.operations import get_operation, read_parameters

ANYONE = "anyone"
"""The owner of jobs that nobody put their name to."""
STATES = (WAITING, RUNNING, PAUSED, DONE, FAILED, CANCELLED)
HIGHEST = 100
"""Priorities go from minus this to this."""
MOST_CANDIDATES = 64
_LARGEST_ID = 2**31 - 1
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job as it is asked for."""

    operation: str
    pictures: Sequence[int] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    """As people write them: `read_parameters` makes values of them."""
    owner: str = ANYONE
    seed: int = 0
    """0 to 2^32 - 1; the same seed gives the same pixels."""
    count: int = 1
    """Candidates of each outcome, 1 to MOST_CANDIDATES: they have the seed, the seed plus 1, and so on."""
    priority: int = 0
    confirm: bool = False
    """Pause after the preview, until the owner has looked at it."""
    confirm_rights: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """One outcome of a job that is to be made: of which pictures, and which candidate of theirs."""

    pictures: Sequence[int]
    candidate: int


class Book:
    """The jobs of one catalogue; safe to share between threads. `wake` tells workers that there is something to do."""

    def __init__(self, database: Database, settings: Settings, wake: Callable[[], None] = lambda: None) -> None:
        self._database, self._settings, self._wake = database, settings, wake

    def add(self, wanted: Wanted) -> Job:
        """A new job, which waits.

        Raises UsageError for an operation, parameter, seed or priority that can't be, or too many pictures;
        NotFoundError for pictures that aren't in the collection; LimitError where the owner has too many jobs.
        """
        owner, operation = user_name(wanted.owner), get_operation(wanted.operation)
        parameters = read_parameters(operation, wanted.parameters).model_dump(mode="json")
        for name in operation.needs:
            if not parameters[name]:
                raise UsageError(f"{operation.name} needs a {name}: it can't be empty.")
        pictures = list(dict.fromkeys(wanted.pictures))
        self._check(wanted, operation, len(pictures))
        groups = [pictures] if operation.gathers or not pictures else [[id] for id in pictures]
        items = [Wish(group, candidate) for candidate in range(wanted.count) for group in groups]
        values = {
            "operation": operation.name,
            "parameters": parameters,
            "seed": wanted.seed,
            "priority": wanted.priority,
            "confirm": wanted.confirm,
            "confirm_rights": wanted.confirm_rights,
            "folder": None if wanted.folder is None else str(wanted.folder),
        }
        with changing(self._database) as connection:
            _require_pictures(connection, pictures)
            id = self._insert(connection, owner, values, items)
        self._wake()
        return self.get(id)

    def get(self, id: int) -> Job:
        """The job of that number; NotFoundError where there is none."""
        with self._database.read() as connection:
            return jobs_of(connection, [_row(connection, id)])[0]

    def items(self, id: int) -> list[Item]:
        """What became of each of its pictures; nothing where there is no such job."""
        with self._database.read() as connection:
            return items_of(connection, id)

    def jobs(
        self, *, owner: str | None = None, state: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[Job]:
        """Jobs, newest first: of an owner, in a state, with numbers below `before` (for paging)."""
        query = select(JOB).order_by(JOB.c.id.desc()).limit(limit)
        if owner is not None:
            query = query.where(JOB.c.owner == user_name(owner))
        if state is not None:
            if state not in STATES:
                raise UsageError(f"No job is ever {state!r}: choose one of {', '.join(STATES)}.")
            query = query.where(JOB.c.state == state)
        if before is not None:
            query = query.where(JOB.c.id < before)
        with self._database.read() as connection:
            return jobs_of(connection, connection.execute(query).all())

    def cancel(self, id: int, owner: str = ANYONE) -> Job:
        """Stop a job: at once where it waits, within a second where it is worked on. What is done stays.

        ForbiddenError where it is somebody else's; nothing happens to one that has ended.
        """
        with changing(self._database) as connection:
            row = self._own(connection, id, owner)
            if row.state == RUNNING and row.heartbeat > now() - timedelta(seconds=LEASE):
                change(connection, id, "Its owner cancels it.", cancel=True)
            elif row.state not in ENDED:
                end(connection, id, CANCELLED, "It was cancelled.")
        return self.get(id)

    def resume(self, id: int, owner: str = ANYONE) -> Job:
        """Let a job go on that has paused after its preview; UsageError where it hasn't."""
        with changing(self._database) as connection:
            row = self._own(connection, id, owner)
            if row.state != PAUSED:
                raise UsageError(f"Job {id} is {row.state}: only one that has paused can go on.")
            change(connection, id, "Its owner lets it go on.", state=WAITING)
        self._wake()
        return self.get(id)

    def retry(self, id: int, owner: str = ANYONE, *, whole: bool = False) -> Job:
        """A new job that does again what failed or was cancelled, or with `whole` everything.

        UsageError where the job hasn't ended or nothing of it failed.
        """
        with changing(self._database) as connection:
            row = self._own(connection, id, owner)
            if row.state not in ENDED:
                raise UsageError(f"Job {id} is {row.state}: it can be done again once it has ended.")
            again = [
                Wish([one for one in (item.picture, *item.further) if one is not None], item.candidate)
                for item in items_of(connection, id)
                if whole or item.state != DONE
            ]
            if not again:
                raise UsageError(f"Nothing of job {id} failed: ask for the whole of it to do it once more.")
            names = ("operation", "parameters", "seed", "priority", "confirm", "confirm_rights", "folder")
            values = {name: getattr(row, name) for name in names} | {"retry_of": id}
            new = self._insert(connection, row.owner, values, again)
        self._wake()
        return self.get(new)

    def _check(self, wanted: Wanted, operation: Operation, pictures: int) -> None:
        _check_count(wanted, operation, pictures)
        most = self._settings.pictures_per_job
        if pictures * wanted.count > most:
            raise UsageError(
                f"{pictures} pictures are too many for one job: name at most {most}, or raise PIXLOOM_PICTURES_PER_JOB."
            )
        if not 0 <= wanted.seed < SEEDS:
            raise UsageError(f"The seed is {wanted.seed}: give 0 to {SEEDS - 1}.")
        if abs(wanted.priority) > HIGHEST:
            raise UsageError(f"The priority is {wanted.priority}: give {-HIGHEST} to {HIGHEST}.")

    def _insert(self, connection: Connection, owner: str, values: dict[str, Any], items: Sequence[Wish]) -> int:
        most = self._settings.jobs_per_owner
        query = select(func.count()).select_from(JOB).where(JOB.c.owner == owner, JOB.c.state.not_in(ENDED))
        if (connection.scalar(query) or 0) >= most:
            raise LimitError(
                f"{owner} has {most} jobs that haven't ended, and may not have more: wait for one, or cancel it "
                "(PIXLOOM_JOBS_PER_OWNER sets how many)."
            )
        preview = values["confirm"] or len({tuple(item.pictures) for item in items}) > 1
        fresh: dict[str, Any] = {"state": WAITING, "owner": owner, "preview": preview, "log": [], "created_at": now()}
        rest = {"cancel": False, "turn": 0, "step": 0, "steps": 0, "what": ""}
        id: int = connection.execute(insert(JOB).values(**values, **fresh, **rest).returning(JOB.c.id)).scalar_one()
        rows = [
            {"job_id": id, "position": place, "picture_id": next(iter(item.pictures), None)}
            | {"further": list(item.pictures[1:]), "candidate": item.candidate}
            | {"state": WAITING, "attempts": 0, "notes": []}
            for place, item in enumerate(items)
        ]
        connection.execute(insert(ITEM), rows)
        return id

    def _own(self, connection: Connection, id: int, owner: str) -> Any:
        row = _row(connection, id)
        if row.owner != user_name(owner):
            raise ForbiddenError(f"Job {id} belongs to {row.owner}: only they can change it.")
        return row


def _check_count(wanted: Wanted, operation: Operation, pictures: int) -> None:
    """UsageError for as many pictures and candidates as the operation can't take."""
    if operation.from_nothing and pictures:
        raise UsageError(f"{operation.name} takes no picture: restyle and variations begin with one.")
    if not operation.from_nothing and not pictures:
        raise UsageError(f"{operation.name} needs a picture: name one by its id, or give a query that finds some.")
    if not 1 <= wanted.count <= MOST_CANDIDATES:
        raise UsageError(f"The count is {wanted.count}: ask for 1 to {MOST_CANDIDATES} candidates.")
    if wanted.count > 1 and not operation.generates:
        raise UsageError(f"{operation.name} makes the same each time: it has no candidates to count.")


def _row(connection: Connection, id: int) -> Any:
    known = 0 <= id <= _LARGEST_ID
    row = connection.execute(select(JOB).where(JOB.c.id == id)).one_or_none() if known else None
    if row is None:
        raise NotFoundError(f"There is no job {id}.")
    return row


def _require_pictures(connection: Connection, ids: Sequence[int]) -> None:
    known: set[int] = set()
    possible = [id for id in ids if 0 <= id <= _LARGEST_ID]
    for start in range(0, len(possible), _AT_ONCE):
        some = possible[start : start + _AT_ONCE]
        known |= set(connection.scalars(select(PictureRow.id).where(PictureRow.id.in_(some), PictureRow.live)))
    missing = [f"#{id}" for id in ids if id not in known]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise NotFoundError(f"There is no picture {', '.join(missing[:5])}{more} in the collection.")
