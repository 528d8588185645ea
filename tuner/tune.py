"""One outcome from beginning to end: opened, worked on, looked over, written beside the original, indexed with its
parent."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from indexer.collection import Collection
from indexer.errors import ForbiddenError, PictureError, TuneError
from indexer.limits import Limits
from indexer.models import find
from indexer.models.machine import this_machine
from indexer.records import Record
from search.engine import Engine
from tuner.edits import Edit, Role, enter
from tuner.jobs.task import Outcome, Report, Run, Task
from tuner.lineage.guards import forbids_derivatives, near_copies
from tuner.lineage.opening import open_raster
from tuner.lineage.recipe import Recipe
from tuner.lineage.saving import save_raster
from tuner.lineage.xmp import read_packet, source_type
from tuner.operation import Method, Operation, Parameters
from tuner.operations import get_operation, read_parameters
from tuner.pace import pace
from tuner.pictures import CollectionPictures
from tuner.preflight import estimate
from tuner.previews import encoded
from tuner.quality import check_outcome, drift
from tuner.raster import Raster, reduced
from tuner.references import KEPT, picture_id
from tuner.work import Work

PREVIEW = 512
"""Longer side in pixels of what a preview is made of."""


def start(collection: Collection) -> Run:
    """What makes the outcomes of a worker's tasks, over a collection that is opened where they are made."""
    return Tuner(collection).run


@dataclass(frozen=True, slots=True)
class Made:
    """An outcome in memory, and all that is to be said of how it came to be."""

    raster: Raster
    source: Raster
    operation: Operation
    parameters: Parameters
    method: Method
    work: Work


class Tuner:
    """Makes outcomes over one collection."""

    def __init__(self, collection: Collection) -> None:
        self.collection, self.settings = collection, collection.settings
        self.engine = Engine(collection)
        self.pictures = CollectionPictures(collection, self.engine)

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
        return self._keep(made, task, record)

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
        told = estimate(
            operation, parameters, source.size, work, this_machine().free, pace(self.collection, operation, method)
        )
        if told.note:
            work.note(told.note)
        work.tile = told.tile
        outcome = operation.apply(source, parameters, work)
        check_outcome(source, outcome, operation)
        return Made(outcome, source, operation, parameters, method, work)

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
            rule = forbids_derivatives(path, Limits.of(self.settings))
            if rule is not None:
                raise ForbiddenError(
                    f"#{id} says that nothing may be derived from it ({rule}): confirm that you may, or leave it."
                )

    def _preview(self, made: Made, task: Task) -> Outcome:
        assert task.folder is not None, "a preview says where it goes"
        task.folder.mkdir(parents=True, exist_ok=True)
        path = task.folder / f"job-{task.job}.webp"
        path.write_bytes(encoded(made.raster))
        return Outcome(path=path, notes=tuple(made.work.notes))

    def _keep(self, made: Made, task: Task, record: Record | None) -> Outcome:
        """Write, index, and note the lineage of an outcome."""
        recipe = self._recipe(made, task, record)
        source = record.file() if record else None
        kind = made.method.source or made.operation.source
        path = save_raster(made.raster, source, self.settings, recipe, kind, out=task.folder, note=made.work.note)
        id = self._index(path)
        cosine, ssim = self._drift(made, record, id)
        notes = [*made.work.notes, *self._near_copies(id, task)]
        edit = Edit(
            id,
            recipe.operation,
            recipe.parameters,
            made.method.name,
            recipe.model,
            recipe.model_sha256,
            task.seed,
            recipe.software,
            datetime.fromisoformat(recipe.created_at),
            source_type(read_packet(path)) or kind,
            self._sources(made, task),
            task.job,
            task.owner,
            cosine,
            ssim,
        )
        with self.collection.catalog.database.write() as connection:
            enter(connection, edit)
        return Outcome(id, path, tuple(notes), cosine, ssim)

    def _recipe(self, made: Made, task: Task, record: Record | None) -> Recipe:
        parameters = made.parameters.model_dump(mode="json") | made.work.choices
        if "method" in parameters:
            parameters["method"] = made.method.name
        spec = find(made.method.model) if made.method.model else None
        return Recipe(
            made.operation.name,
            parameters,
            self._references(made.operation, parameters),
            made.method.model,
            spec.sha256 if spec else None,
            task.seed,
            record.hash if record else None,
            record.id if record else None,
        )

    def _references(self, operation: Operation, parameters: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """Content hashes of the pictures that parameters name."""
        found = {}
        for name in {*operation.references, *filter(None, [operation.gathers])} & parameters.keys():
            value = parameters[name]
            hashes = [self._hash(one) for one in (value if isinstance(value, list) else [value]) if one]
            if any(hashes):
                found[name] = tuple(filter(None, hashes))
        return found

    def _hash(self, reference: str) -> str | None:
        if reference.startswith(KEPT):
            return reference.removeprefix(KEPT)
        id = picture_id(reference)
        return self.collection.catalog.picture(id).hash if id is not None else None

    def _sources(self, made: Made, task: Task) -> tuple[tuple[int, Role], ...]:
        """The pictures that went into it: the parent, then the parts, then those that it was likened to."""
        roles: dict[int, Role] = {}
        if task.pictures:
            roles[task.pictures[0]] = "parent"
        for id in (*task.pictures[1:], *made.work.used):
            roles.setdefault(id, "part")
        for name in made.operation.references:
            value = getattr(made.parameters, name)
            for one in value if isinstance(value, list) else [value]:
                id = picture_id(one) if isinstance(one, str) else None
                if id is not None:
                    roles.setdefault(id, "reference")
        return tuple(roles.items())

    def _index(self, path: Path) -> int:
        """The id of an outcome's file, indexed now; TuneError where it couldn't be, and then the file is gone."""
        report = self.collection.index(files={str(path.parent): {path.name}}, wait=60)
        id = self.collection.catalog.find(path=path)
        if id is None:
            reason = dict(report.failed).get(path, "it was not taken in")
            path.unlink(missing_ok=True)
            self.collection.catalog.forget([path])
            raise TuneError(f"The outcome could not be indexed: {reason}.")
        return id

    def _drift(self, made: Made, record: Record | None, id: int) -> tuple[float | None, float | None]:
        """How far it is from its parent: cosine of the embeddings, structural similarity."""
        if record is None:
            return None, None
        ids, vectors = self.pictures.stored([record.id, id])
        cosine = float(vectors[0] @ vectors[1]) if len(ids) == 2 else None
        return cosine, drift(made.source, made.raster)

    def _near_copies(self, id: int, task: Task) -> list[str]:
        """A warning for each picture that the outcome nearly equals and that it wasn't made from."""
        snapshot = self.engine.snapshot()
        if snapshot is None:
            return []
        with self.collection.catalog.database.read() as connection:
            copies = near_copies(connection, snapshot, id, without=task.pictures)
        return [f"It is nearly a copy of #{copy}, which it was not made from." for copy in copies]
