"""What people said of tags: which pictures have one and which don't. Kept for ever, whatever the model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select

from indexer.errors import NotFoundError, UsageError
from indexer.tables import Base, PictureRow, StateRow
from indexer.tag_tables import TagLabelRow, TagRow
from search.tags.names import Tag, find_tags, tags_by_id, the_tag
from search.tags.rows import tag_ids

Labels = Mapping[int, bool]
"""Picture -> whether it has the tag."""
_TAG, _LABEL, _PICTURE, _STATE = (
    Base.metadata.tables[row.__tablename__] for row in (TagRow, TagLabelRow, PictureRow, StateRow)
)
_AT_ONCE = 500
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Clicks:
    """What one call says of a tag: pictures that have it, that don't, and whose labels are to be dropped."""

    yes: tuple[int, ...] = ()
    no: tuple[int, ...] = ()
    forget: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.yes or self.no or self.forget)

    def check(self) -> None:
        """Raise UsageError where a picture is named in two of the lists."""
        named = {"yes": set(self.yes), "no": set(self.no), "forget": set(self.forget)}
        for one, other in (("yes", "no"), ("yes", "forget"), ("no", "forget")):
            if both := named[one] & named[other]:
                raise UsageError(f"{_ids(both)} can't be in both {one} and {other}: say which it is.")


def take_turn(connection: Connection) -> None:
    """Let no other transaction that writes pass until this one has ended; SQLite never does."""
    connection.execute(select(_STATE.c.id).with_for_update())


def find_tag(connection: Connection, name: str) -> Tag | None:
    """The tag of that name in any language, or the one that it is merged into; None where there is none.

    Raises UsageError where several are called so, and as key_of does.
    """
    if not find_tags(connection, name):
        return None
    return tags(connection, [root(the_tag(connection, name).id, merges(connection))])[0]


def made_tag(connection: Connection, name: str) -> Tag:
    """The same, made where there is none."""
    found = find_tag(connection, name)
    if found is not None:
        return found
    (id,) = tag_ids(connection, [(name, None)]).values()
    return tags(connection, [root(id, merges(connection))])[0]


def tags(connection: Connection, ids: Iterable[int]) -> list[Tag]:
    """Tags by their numbers."""
    found = tags_by_id(connection, ids)
    return [found[id] for id in sorted(found)]


def merges(connection: Connection) -> dict[int, int]:
    """Tag -> the tag that it was merged into, for those that were."""
    query = select(_TAG.c.id, _TAG.c.merged_into).where(_TAG.c.merged_into.is_not(None))
    return {row.id: row.merged_into for row in connection.execute(query)}


def labels_of(connection: Connection, tag: int) -> dict[int, bool]:
    """The labels of a tag and of all that are merged into it; of two for one picture the later holds."""
    return all_labels(connection, _family(connection, tag)).get(tag, {})


def all_labels(connection: Connection, only: Sequence[int] | None = None) -> dict[int, dict[int, bool]]:
    """The labels of every tag, under the tag that it is merged into; of `only` these where they are given."""
    query = select(_LABEL.c.tag_id, _LABEL.c.picture_id, _LABEL.c.positive)
    if only is not None:
        query = query.where(_LABEL.c.tag_id.in_(only))
    known, found = merges(connection), dict[int, dict[int, bool]]()
    for row in connection.execute(query.order_by(_LABEL.c.at, _LABEL.c.tag_id)):
        found.setdefault(root(row.tag_id, known), {})[row.picture_id] = row.positive
    return found


def enter(connection: Connection, tag: Tag, clicks: Clicks) -> None:
    """Add labels to a tag's, and drop those to be forgotten. What is said last holds.

    Raises NotFoundError for a picture that isn't in the collection, or has no label to forget.
    """
    said = {**dict.fromkeys(clicks.yes, True), **dict.fromkeys(clicks.no, False)}
    _check_pictures(connection, list(said))
    family = _family(connection, tag.id)
    if clicks.forget:
        unknown = set(clicks.forget) - all_labels(connection, family).get(tag.id, {}).keys()
        if unknown:
            raise NotFoundError(f"{_ids(unknown)} has no label of {tag.name!r} to forget: nothing was changed.")
    touched = [*said, *clicks.forget]
    for start in range(0, len(touched), _AT_ONCE):
        some = touched[start : start + _AT_ONCE]
        connection.execute(delete(_LABEL).where(_LABEL.c.tag_id.in_(family), _LABEL.c.picture_id.in_(some)))
    at = datetime.now(UTC).replace(tzinfo=None)
    if said:
        rows = [{"tag_id": tag.id, "picture_id": id, "positive": yes, "at": at} for id, yes in said.items()]
        connection.execute(insert(_LABEL), rows)


def _check_pictures(connection: Connection, ids: Sequence[int]) -> None:
    possible, live = [id for id in ids if 0 < id <= _LARGEST_ID], set[int]()
    for start in range(0, len(possible), _AT_ONCE):
        query = select(_PICTURE.c.id).where(_PICTURE.c.id.in_(possible[start : start + _AT_ONCE]), _PICTURE.c.live)
        live |= set(connection.scalars(query))
    if missing := set(ids) - live:
        raise NotFoundError(f"There is no picture {_ids(missing)} in the collection: nothing was changed.")


def _family(connection: Connection, tag: int) -> list[int]:
    known = merges(connection)
    return [tag, *(id for id in known if id != tag and root(id, known) == tag)]


def root(id: int, known: Mapping[int, int]) -> int:
    """The tag that counts for one, after the merges in `known`."""
    seen = {id}
    while id in known and known[id] not in seen:
        id = known[id]
        seen.add(id)
    return id


def _ids(ids: Iterable[int]) -> str:
    named = sorted(ids)
    more = f" and {len(named) - 10} more" if len(named) > 10 else ""
    return ", ".join(f"#{id}" for id in named[:10]) + more
