"""An edit made once more from its record: whether the pixels are the same is how a record proves itself."""

from dataclasses import dataclass

import numpy as np

from indexer.errors import NotFoundError, UsageError
from indexer.limits import Limits
from tuner.edits import Edit, edit_of
from tuner.jobs.task import Task
from tuner.lineage.opening import open_raster
from tuner.lineage.recipe import Recipe
from tuner.lineage.saving import outcome_file
from tuner.operations import get_operation
from tuner.tune import Tuner
from tuner.work import OnStep, Work


@dataclass(frozen=True, slots=True)
class Again:
    """What came of it: whether the pixels are the `same`, and the largest difference of one, 0..1."""

    edit: Edit
    same: bool
    apart: float


def again(tuner: Tuner, id: int, on_step: OnStep | None = None) -> Again:
    """Make the picture `id` once more, encode it as its file is, and compare; nothing is written.

    NotFoundError where it, its parent, or what else it was made with is gone; UsageError for a picture that no
    operation made.
    """
    catalog = tuner.collection.catalog
    record = catalog.picture(id)
    with catalog.database.read() as connection:
        edit = edit_of(connection, id)
    if edit is None:
        raise UsageError(f"#{id} was not made by an operation: there is no record to make it again from.")
    if edit.parent is None and not get_operation(edit.operation).from_nothing:
        raise NotFoundError(f"#{id} has no parent: it can't be made again.")
    parent, limits = catalog.picture(edit.parent) if edit.parent is not None else None, Limits.of(tuner.settings)
    subject = f"#{parent.id}" if parent else None
    work = Work(tuner.settings, seed=edit.seed, pictures=tuner.pictures, on_step=on_step, subject=subject)
    task = Task(
        0, 0, (parent.id,) if parent else (), edit.operation, dict(edit.parameters), edit.seed, edit.owner or ""
    )
    made = tuner.make(parent, task, work)
    recipe = Recipe(edit.operation)
    source = parent.file() if parent else None
    data, _ = outcome_file(made.raster, source, recipe, made.kind, format=record.format, limits=limits)
    now, there = open_raster(data, limits).rgb, open_raster(record.file(), limits).rgb
    if now.shape != there.shape:
        return Again(edit, False, 1.0)
    apart = float(np.abs(now - there).max())
    return Again(edit, apart == 0, apart)
