"""Which pictures were made from which, as searches ask it."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select

from indexer.job_tables import EditRow, EditSourceRow
from indexer.types import Ids

GENERATED = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia")
"""IPTC's digital source types of what generating models made, or had a part in."""
_AT_ONCE = 5000
_PARENTS = select(EditSourceRow.picture_id, EditSourceRow.parent_id).where(EditSourceRow.role == "parent")


def parents_of(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """The picture that each was made from, of those that were made from one."""
    found: dict[int, int] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = EditSourceRow.picture_id.in_(ids[start : start + _AT_ONCE])
        found |= {row.picture_id: row.parent_id for row in connection.execute(_PARENTS.where(some))}
    return found


def edited(connection: Connection) -> Ids:
    """The pictures that an operation made."""
    return np.array(connection.scalars(select(EditRow.picture_id)).all(), np.int64)


def generated(connection: Connection) -> Ids:
    """Those of them that generating models made, or had a part in."""
    query = select(EditRow.picture_id).where(EditRow.source_type.in_(GENERATED))
    return np.array(connection.scalars(query).all(), np.int64)


def made_from(connection: Connection, id: int) -> Ids:
    """The edits of a picture, the edits of those, and so on."""
    found, wave = set[int](), [id]
    while wave:
        below = set[int]()
        for start in range(0, len(wave), _AT_ONCE):
            some = EditSourceRow.parent_id.in_(wave[start : start + _AT_ONCE])
            below |= {row.picture_id for row in connection.execute(_PARENTS.where(some))}
        wave = sorted(below - found)
        found |= below
    return np.array(sorted(found), np.int64)
