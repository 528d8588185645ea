"""How fast operations were on this machine before."""

from statistics import median

from sqlalchemy import select

from indexer.collection import Collection
from indexer.job_tables import DONE, EditRow, JobItemRow, JobRow
from indexer.tables import PictureRow
from tuner.operation import Method, Operation

_RUNS = 20
"""Runs that are looked back at."""
_LEAST = 100_000
"""Pixels of the smallest pictures that count: with smaller ones it is mostly loading that takes the time."""


def pace(collection: Collection, operation: Operation, method: Method) -> float | None:
    """Seconds for a megapixel, the median of the last runs of a method with this collection; None before the first."""
    query = (
        select(JobItemRow.seconds, PictureRow.width, PictureRow.height)
        .join(JobRow, JobRow.id == JobItemRow.job_id)
        .join(PictureRow, PictureRow.id == JobItemRow.picture_id)
        .join(EditRow, EditRow.picture_id == JobItemRow.outcome_id)
        .where(
            JobRow.operation == operation.name,
            EditRow.method == method.name,
            JobItemRow.state == DONE,
            JobItemRow.seconds.is_not(None),
            PictureRow.width * PictureRow.height >= _LEAST,
        )
        .order_by(JobItemRow.job_id.desc(), JobItemRow.position.desc())
        .limit(_RUNS)
    )
    with collection.catalog.database.read() as connection:
        runs = connection.execute(query).all()
    return median((seconds or 0) / (width * height / 1e6) for seconds, width, height in runs) if runs else None
