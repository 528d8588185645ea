"""Outcomes that are kept: written beside the original, indexed at once, their lineage noted."""

import glob
import hashlib
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from indexer.collection import Collection
from indexer.errors import PictureError, TuneError
from indexer.job_tables import EditRow
from indexer.models import find
from indexer.records import Record
from indexer.tables import PictureRow
from search.engine import Engine
from search.lineage import made_from
from tuner.edits import Edit, Role, ancestry, edit_of, enter
from tuner.jobs.task import Outcome, Task
from tuner.lineage.c2pa import Credentials, signed
from tuner.lineage.copies import near_copies, warning
from tuner.lineage.recipe import Recipe
from tuner.lineage.saving import Finish, outcome_path, save_raster
from tuner.lineage.xmp import combined, read_packet, read_recipe, source_type
from tuner.made import Made
from tuner.operation import Operation, Source
from tuner.pictures import CollectionPictures
from tuner.quality import drift
from tuner.references import KEPT, picture_id

_ALIKE = 12
"""Pictures most like an outcome that are looked at for near copies."""
_WORD = re.compile(r"\w+")
_TITLE, _LONGEST_TITLE = 6, 60
"""Words and letters of a prompt that a file is named after."""
_WAIT = 600.0
"""Seconds that somebody else's indexing may take."""


class Keeper:
    """Keeps outcomes in one collection."""

    def __init__(self, collection: Collection, engine: Engine, pictures: CollectionPictures) -> None:
        self.collection, self.settings = collection, collection.settings
        self.engine, self.pictures = engine, pictures

    def keep(self, made: Made, task: Task, record: Record | None) -> Outcome:
        """Write, index, and note the lineage of an outcome."""
        recipe = self._recipe(made, task, record)
        source = record.file() if record else None
        finish, note, title = self._finish(recipe, made.kind, source), made.work.note, _title(made)
        path = self._left_behind(recipe, source, task, title) or save_raster(
            made.raster,
            source,
            self.settings,
            recipe,
            made.kind,
            out=task.folder,
            finish=finish,
            note=note,
            title=title,
        )
        if task.folder is not None and path.stem != task.folder.stem and path.suffix == task.folder.suffix:
            note(f"{task.folder.name} was there already, and is left as it is: this is {path.name}.")
        id = self._index(path)
        cosine, ssim = self._drift(made, record, id)
        told = self._near_copies(id, {*task.pictures, *made.work.used, *self._siblings(task), id})
        notes = [*made.work.notes, *filter(None, [told])]
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
            source_type(read_packet(path)) or made.kind,
            self._sources(made, task),
            task.job,
            task.owner,
            cosine,
            ssim,
        )
        with self.collection.catalog.database.write() as connection:
            enter(connection, edit)
        return Outcome(id, path, tuple(notes), cosine, ssim)

    def _left_behind(self, recipe: Recipe, source: Path | None, task: Task, title: str) -> Path | None:
        """The file of this very outcome, where a worker was killed after it was written and before it was noted."""
        free = outcome_path(source, recipe.operation, "", self.settings, task.folder)
        stem = glob.escape(source.stem if source else title)
        for path in sorted(free.parent.glob(f"{stem}.{recipe.operation}*")):
            id = self.collection.catalog.find(path=path)
            with self.collection.catalog.database.read() as connection:
                if id is not None and edit_of(connection, id) is not None:
                    continue
            with suppress(PictureError):
                found = read_recipe(path)
                if found is not None and found.same(recipe):
                    return path
        return None

    def _recipe(self, made: Made, task: Task, record: Record | None) -> Recipe:
        parameters = made.recorded()
        return Recipe(
            made.operation.name,
            parameters,
            self._references(made.operation, parameters),
            *_model(made),
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
        recorded = made.recorded()
        for name in made.operation.references:
            value = recorded[name]
            for one in value if isinstance(value, list) else [value]:
                named = picture_id(one) if isinstance(one, str) else None
                if named is not None:
                    roles.setdefault(named, "reference")
        return tuple(roles.items())

    def _index(self, path: Path) -> int:
        """The id of an outcome's file, indexed now; where it can't be, the file is taken away again. TuneError,
        BusyError where somebody else indexes for very long, HomeError."""
        try:
            report = self.collection.index(files={str(path.parent): {path.name}}, wait=_WAIT)
            found = self.collection.catalog.find(path=path)
            if found is None:
                reason = dict(report.failed).get(path, "it was not taken in")
                raise TuneError(f"The outcome could not be indexed: {reason}.")
        except BaseException:
            path.unlink(missing_ok=True)
            self.collection.catalog.forget([path])
            raise
        return found

    def _drift(self, made: Made, record: Record | None, id: int) -> tuple[float | None, float | None]:
        """How far it is from its parent: cosine of the embeddings, structural similarity."""
        if record is None:
            return None, None
        ids, vectors = self.pictures.stored([record.id, id])
        cosine = float(vectors[0] @ vectors[1]) if len(ids) == 2 else None
        return cosine, drift(made.source, made.raster)

    def _siblings(self, task: Task) -> list[int]:
        """Further candidates of the same job: that they are alike is no surprise."""
        with self.collection.catalog.database.read() as connection:
            return list(connection.scalars(select(EditRow.picture_id).where(EditRow.job_id == task.job)))

    def _near_copies(self, id: int, parents: set[int]) -> str | None:
        """A warning where the outcome nearly equals pictures that it wasn't made from."""
        snapshot = self.engine.snapshot()
        vector = snapshot.vector(id) if snapshot is not None else None
        if snapshot is None or vector is None:
            return None
        alike = self.pictures.stored(snapshot.ids[snapshot.search(vector, _ALIKE).rows].tolist())
        with self.collection.catalog.database.read() as connection:
            for parent in list(parents):  # its family is no surprise: the original, and all that was made from it
                original = ancestry(connection, parent)[-1]
                parents |= {original, *made_from(connection, original).tolist()}
            phash = connection.scalar(select(PictureRow.phash).where(PictureRow.id == id)) or 0
            return warning(near_copies(connection, phash, vector, alike, parents))

    def _finish(self, recipe: Recipe, kind: Source, source: Path | None) -> Finish | None:
        """What signs the file, where the user has given a key."""
        chain, key = self.settings.c2pa_chain, self.settings.c2pa_key
        if chain is None or key is None:
            return None
        credentials = Credentials(chain, key)
        became = combined(source_type(read_packet(source)) if source else None, kind)
        return lambda data, format: signed(data, format, recipe, became, credentials, source)


def _title(made: Made) -> str:
    """What the file of an outcome without a source is named after: the first words of its prompt."""
    words = _WORD.findall(str(getattr(made.parameters, "prompt", "")).casefold())
    return "-".join(words[:_TITLE])[:_LONGEST_TITLE] or "picture"


def _model(made: Made) -> tuple[str | None, str | None]:
    """Name and SHA-256 of the model that was used: of the table, or a file that the user named."""
    for name, digest in made.work.model_used.items():
        return name, digest
    if made.method.model is not None:
        spec = find(made.method.model)
        return made.method.model, spec.sha256 if spec else None
    named = getattr(made.parameters, made.method.name, None) if made.method.name in made.operation.files else None
    if not isinstance(named, str):
        return None, None
    with Path(named).open("rb") as file:
        return Path(named).name, hashlib.file_digest(file, "sha256").hexdigest()
