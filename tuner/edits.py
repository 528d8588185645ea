"""Edits in the catalogue: which picture was made from which, by what, so that the way back is never lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from indexer.job_tables import EditRow, EditSourceRow
from indexer.tables import Base, PictureRow
from indexer.transactions import bump

Role = Literal["parent", "part", "reference"]
"""What a picture was to an outcome: what it is a version of, something it shows, or something it was likened to."""
_EDIT, _SOURCE, _PICTURE = (Base.metadata.tables[row.__tablename__] for row in (EditRow, EditSourceRow, PictureRow))
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Edit:
    """How the picture `id` was made: with this, it can be made again."""

    id: int
    operation: str
    parameters: Mapping[str, Any]
    method: str | None
    model: str | None
    model_hash: str | None
    seed: int
    version: str
    created_at: datetime
    source_type: str
    sources: tuple[tuple[int, Role], ...]
    """Pictures that it was made from, the parent first."""
    job: int | None = None
    owner: str | None = None
    cosine: float | None = None
    """Of its embedding with its parent's."""
    ssim: float | None = None
    """Structural similarity with its parent."""

    @property
    def parent(self) -> int | None:
        """The picture that it is a version of; None where it was made from nothing."""
        return next((id for id, role in self.sources if role == "parent"), None)


def enter(connection: Connection, edit: Edit) -> None:
    """Note how a picture was made, in the place of what was noted before."""
    connection.execute(delete(_SOURCE).where(_SOURCE.c.picture_id == edit.id))
    connection.execute(delete(_EDIT).where(_EDIT.c.picture_id == edit.id))
    values = {
        "operation": edit.operation,
        "parameters": dict(edit.parameters),
        "method": edit.method,
        "model": edit.model,
        "model_hash": edit.model_hash,
        "seed": edit.seed,
        "version": edit.version,
        "created_at": edit.created_at.astimezone(UTC).replace(tzinfo=None),
        "job_id": edit.job,
        "owner": edit.owner,
        "cosine": edit.cosine,
        "ssim": edit.ssim,
        "source_type": edit.source_type,
    }
    connection.execute(insert(_EDIT).values(picture_id=edit.id, **values))
    if edit.sources:
        rows = [
            {"picture_id": edit.id, "position": place, "parent_id": id, "role": role}
            for place, (id, role) in enumerate(edit.sources)
        ]
        connection.execute(insert(_SOURCE), rows)
    bump(connection)


def edit_of(connection: Connection, id: int) -> Edit | None:
    """How a picture was made; None for one that Pixloom didn't make."""
    return next(iter(_edits(connection, [id])), None)


def edits_of(connection: Connection, id: int) -> list[Edit]:
    """The edits of a picture that can be found, newest first: those whose parent it is."""
    query = (
        select(_SOURCE.c.picture_id)
        .join(_PICTURE, _PICTURE.c.id == _SOURCE.c.picture_id)
        .where(_SOURCE.c.parent_id == id, _SOURCE.c.role == "parent", _PICTURE.c.live)
    )
    return sorted(_edits(connection, list(connection.scalars(query))), key=lambda edit: -edit.id)


def ancestry(connection: Connection, id: int) -> list[int]:
    """The picture, its parent, and so on to the original."""
    line = [id]
    while (edit := edit_of(connection, line[-1])) is not None and edit.parent is not None and edit.parent not in line:
        line.append(edit.parent)
    return line


def _edits(connection: Connection, ids: Sequence[int]) -> list[Edit]:
    found = []
    for start in range(0, len(ids), _AT_ONCE):
        some = list(ids[start : start + _AT_ONCE])
        sources: dict[int, list[tuple[int, Role]]] = {}
        query = select(_SOURCE).where(_SOURCE.c.picture_id.in_(some)).order_by(_SOURCE.c.position)
        for row in connection.execute(query):
            sources.setdefault(row.picture_id, []).append((row.parent_id, row.role))
        for row in connection.execute(select(_EDIT).where(_EDIT.c.picture_id.in_(some))):
            found.append(_edit(row, tuple(sources.get(row.picture_id, ()))))
    return found


def _edit(row: Any, sources: tuple[tuple[int, Role], ...]) -> Edit:
    return Edit(
        row.picture_id,
        row.operation,
        row.parameters,
        row.method,
        row.model,
        row.model_hash,
        row.seed,
        row.version,
        row.created_at.replace(tzinfo=UTC),
        row.source_type,
        sources,
        row.job_id,
        row.owner,
        row.cosine,
        row.ssim,
    )
