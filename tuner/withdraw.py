"""Outcomes of a job taken back: their files deleted, the collection made to forget them."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from indexer.collection import Collection
from indexer.database import disk_error
from indexer.errors import NotFoundError
from tuner.edits import edit_of
from tuner.jobs.job import Item, Job


def withdraw(collection: Collection, job: Job, items: Sequence[Item], outcomes: Ids[int]) -> list[int]:
    """Delete those of a job's outcomes, and give the ids of those that are gone.

    Nothing else is ever touched: an outcome goes only where its record says that this job made it, and the file that
    goes is the one that the job wrote.
    """
    gone = []
    for item in items:
        if item.outcome is None or item.outcome not in outcomes or item.path is None:
            continue
        with collection.catalog.database.read() as connection:
            edit = edit_of(connection, item.outcome)
        path = Path(item.path)
        if edit is None or edit.job != job.id or collection.catalog.find(path=path) != item.outcome:
            continue
        with suppress(NotFoundError):
            collection.forget(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, path.parent) from error
        gone.append(item.outcome)
    return gone
