"""One outcome from beginning to end: opened, worked on, looked over, written beside the original, indexed with its
parent."""

import numpy as np

from indexer.collection import Collection
from indexer.errors import ForbiddenError, PictureError
from indexer.limits import Limits
from indexer.models.machine import this_machine
from indexer.records import Record
from search.engine import Engine
from tuner.diffusion.filter import check_content, filter_of
from tuner.jobs.task import Outcome, Report, Run, Task
from tuner.keeper import Keeper
from tuner.lineage.opening import open_raster
from tuner.lineage.rights import forbids_derivatives, rights_of
from tuner.made import Made, watermarked
from tuner.operations import get_operation, read_parameters
from tuner.pace import pace
from tuner.pictures import CollectionPictures
from tuner.preflight import estimate
from tuner.previews import encoded
from tuner.quality import check_outcome
from tuner.raster import Raster, reduced
from tuner.work import Work

PREVIEW = 512
"""Longer side in pixels of what a preview is made of."""


def start(collection: Collection) -> Run:
    """What makes the outcomes of a worker's tasks, over a collection that is opened where they are made."""
    return Tuner(collection).run


class Tuner:
    """Makes outcomes over one collection."""

    def __init__(self, collection: Collection) -> None:
        self.collection, self.settings = collection, collection.settings
        self.engine = Engine(collection)
        self.pictures = CollectionPictures(collection, self.engine)
        self.keeper = Keeper(collection, self.engine, self.pictures)

    def run(self, task: Task, report: Report) -> Outcome:
        """Make the outcome of a task; of a preview, a small file that doesn't join the collection.

        Raises PixloomError: NotFoundError for a picture that is gone, ForbiddenError where its rights don't allow
        derivatives and nobody has confirmed them, CapacityError, QualityError, and what the operation raises.
        """
        record = self.collection.catalog.picture(task.pictures[0]) if task.pictures else None
        self._check_rights(task)
        work = Work(
            self.settings,
            seed=task.seed,
            preview=task.preview,
            tile=task.tile,
            pictures=self.pictures,
            on_step=report.step,
            should_stop=report.stopped,
            subject=f"#{record.id}" if record else None,
        )
        made = self.make(record, task, work)
        if task.preview:
            return self._preview(made, task)
        work.step(0, 1, "saving")
        return self.keeper.keep(made, task, record)

    def make(self, record: Record | None, task: Task, work: Work) -> Made:
        """Open, estimate, work, look over; nothing is written."""
        operation = get_operation(task.operation)
        given = dict(task.parameters)
        if operation.gathers and len(task.pictures) > 1:
            given[operation.gathers] = [f"#{id}" for id in task.pictures[1:]]
        parameters = read_parameters(operation, given)
        work.step(0, 1, "opening")
        source = self._opened(record, work)
        method = operation.resolve(parameters, work)
        content_filter = filter_of(operation, work)
        told = estimate(
            operation, parameters, source.size, work, this_machine().free, pace(self.collection, operation, method)
        )
        if told.note:
            work.note(told.note)
        work.tile = told.tile
        outcome = operation.apply(source, parameters, work)
        check_outcome(source, outcome, operation)
        if content_filter is not None:
            check_content(outcome, operation, content_filter)
        return watermarked(Made(outcome, source, operation, parameters, method, work), record)

    def _opened(self, record: Record | None, work: Work) -> Raster:
        if record is None:
            return Raster(np.zeros((1, 1, 3), np.float32))
        try:
            source = open_raster(record.file(), Limits.of(self.settings))
        except PictureError as error:
            raise PictureError(f"#{record.id} can't be opened: {error}.") from error
        if not work.preview:
            return source
        small = reduced(source, PREVIEW)
        work.scale = small.size[0] / source.size[0]
        return small

    def _check_rights(self, task: Task) -> None:
        for id in () if task.confirmed else task.pictures:
            path = self.collection.catalog.picture(id).file()
            rule = forbids_derivatives(rights_of(path, Limits.of(self.settings)))
            if rule is not None:
                raise ForbiddenError(
                    f"Nothing may be made from #{id} without its owner's leave: {rule}. Confirm that you have it "
                    "(--confirm-rights, or confirm_rights of a job), or leave it."
                )

    def _preview(self, made: Made, task: Task) -> Outcome:
        assert task.folder is not None, "a preview says where it goes"
        task.folder.mkdir(parents=True, exist_ok=True)
        path = task.folder / f"job-{task.job}.webp"
        path.write_bytes(encoded(made.raster))
        return Outcome(path=path, notes=tuple(made.work.notes))
