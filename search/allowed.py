"""Filters to the rows of a snapshot that they allow, exactly: by the catalogue, whatever the scores are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, or_, select

from indexer.tables import PictureRow
from indexer.types import Ids
from search.filters import Filter
from search.lineage import edited, generated, made_from
from search.snapshot import Snapshot
from search.tags.effective import CANONICAL, TAG, pictures_with
from search.tags.names import find_tags, unknown

Descendants = Callable[[str], Iterable[str]]
"""The concepts below a concept of the graph: `animal` -> `dog`, `lynx`, ..."""
_LARGEST_ID = 2**31 - 1
_AT_ONCE = 5000
Found = tuple[Ids, str | None]
"""Ids of pictures, and what the user must know of them."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Rows that all filters allow, ascending, None where there is no filter; what the user must know of them."""

    rows: Ids | None
    notices: tuple[str, ...] = ()


def no_descendants(_concept: str) -> Iterable[str]:
    """A graph that knows no concept below another."""
    return ()


def allowed(
    connection: Connection, snapshot: Snapshot, filters: Sequence[Filter], descendants: Descendants = no_descendants
) -> Allowed:
    """The living rows of a snapshot that satisfy every filter."""
    keep = np.ones(len(snapshot.ids), bool)
    notices = []
    for one in filters:
        ids, notice = _FIELDS[one.field](connection, one, descendants)
        keep &= np.isin(snapshot.ids, ids) != one.negative
        notices += [notice] if notice else []
    living = snapshot.living()
    return Allowed(living[keep[living]], tuple(dict.fromkeys(notices)))


def _tag(connection: Connection, one: Filter, descendants: Descendants) -> Found:
    """The pictures with a tag of that name in any language, or with one below it."""
    tags = find_tags(connection, one.value)
    if not tags:
        return np.empty(0, np.int64), unknown(connection, one.value)
    usable = [tag.id for tag in tags if not tag.forbidden]
    if not usable:
        return np.empty(0, np.int64), f"The tag {tags[0].name!r} is forbidden: no picture has it."
    same = or_(TAG.c.id.in_(usable), TAG.c.merged_into.in_(usable))
    concepts = connection.scalars(select(TAG.c.concept).where(same, TAG.c.concept.is_not(None)))
    below = {concept for own in concepts for concept in descendants(own)}
    ids = [*usable, *_of_concepts(connection, sorted(below))]
    parts = [pictures_with(connection, ids[start : start + _AT_ONCE]) for start in range(0, len(ids), _AT_ONCE)]
    return np.concatenate(parts), None


def _of_concepts(connection: Connection, concepts: Sequence[str]) -> list[int]:
    """The tags that stand for these concepts."""
    found: dict[int, None] = {}
    for start in range(0, len(concepts), _AT_ONCE):
        rows = select(CANONICAL).where(TAG.c.concept.in_(concepts[start : start + _AT_ONCE]))
        found |= dict.fromkeys(connection.scalars(rows))
    return list(found)


def _is(connection: Connection, one: Filter, _descendants: Descendants) -> Found:
    """The pictures that an operation made, or that generating models had a part in."""
    return (generated if one.value == "generated" else edited)(connection), None


def _edit_of(connection: Connection, one: Filter, _descendants: Descendants) -> Found:
    """The edits of a picture, the edits of those, and so on."""
    known = (
        one.id <= _LARGEST_ID and connection.scalar(select(PictureRow.id).where(PictureRow.id == one.id)) is not None
    )
    if not known:
        return np.empty(0, np.int64), f"There is no picture #{one.id} in the collection."
    return made_from(connection, one.id), None


_FIELDS: dict[str, Callable[[Connection, Filter, Descendants], Found]] = {
    "tag": _tag,
    "is": _is,
    "edit-of": _edit_of,
}
"""Field -> what finds the pictures that have what it asks for."""
