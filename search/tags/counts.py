"""How many pictures have each tag, by the rules of search/tags/effective.py."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, distinct, func, or_, select

from search.tags.effective import CANONICAL, GIVEN, LABEL, PICTURE, TAG, effective
from search.tags.rows import in_parts

_AT_ONCE = 5000
"""Ids named in one statement."""
_some: Any = bindparam("tags", expanding=True)
_of_tags = effective(of_tags=True).subquery()
_of_both = effective(of_pictures=True, of_tags=True).subquery()
_EXACT = select(_of_tags.c.tag_id, _of_tags.c.source, func.count(distinct(_of_tags.c.picture_id))).group_by(
    _of_tags.c.tag_id, _of_tags.c.source
)
_EXACT_ALL, _EXACT_AMONG = (
    select(some.c.tag_id, func.count(distinct(some.c.picture_id)).label("pictures")).group_by(some.c.tag_id)
    for some in (_of_tags, _of_both)
)
_AMONG = (
    select(GIVEN.c.tag_id, func.count(distinct(GIVEN.c.picture_id)).label("pictures"))
    .join(PICTURE, PICTURE.c.id == GIVEN.c.picture_id)
    .where(GIVEN.c.picture_id.in_(bindparam("pictures", expanding=True)), PICTURE.c.live)
    .group_by(GIVEN.c.tag_id)
)
_ROWS = select(GIVEN.c.tag_id, GIVEN.c.source, func.count()).group_by(GIVEN.c.tag_id, GIVEN.c.source)
_ROWS_ALL = (
    select(GIVEN.c.tag_id, func.count(distinct(GIVEN.c.picture_id)))
    .where(GIVEN.c.tag_id.in_(_some))
    .group_by(GIVEN.c.tag_id)
)
_ODD = (
    select(CANONICAL).where(or_(TAG.c.forbidden, TAG.c.threshold.is_not(None), TAG.c.merged_into.is_not(None))),
    select(CANONICAL).where(TAG.c.id.in_(select(LABEL.c.tag_id))),
)
_MERGED = select(TAG.c.id).where(or_(TAG.c.id.in_(_some), TAG.c.merged_into.in_(_some)))


def totals(connection: Connection) -> tuple[dict[int, int], dict[int, dict[str, int]]]:
    """Tag -> pictures that have it, and tag -> source -> pictures that have it by that way.

    Of a tag that has no threshold, is neither forbidden nor merged, and of which no person said anything, every row
    of a living picture counts: these rows are only counted. The others are looked at one by one.
    """
    apart = _apart(connection)
    odd = {id for tags in apart for id in tags}
    sources: dict[int, dict[str, int]] = defaultdict(dict)
    for tag, source, count in _living(connection, _ROWS, {}):
        sources[tag][source] = count
    sources = {tag: by for tag, by in sources.items() if tag not in odd}
    counts = {tag: next(iter(by.values())) for tag, by in sources.items() if len(by) == 1}
    several = (tag for tag, by in sources.items() if len(by) > 1)  # a picture may have it by two ways
    for some in in_parts(several, _AT_ONCE):
        counts.update(_living(connection, _ROWS_ALL, {"tags": some}))
    for tags in apart:
        asked = {"tags": tags}
        for tag, source, count in connection.execute(_EXACT, asked):
            sources.setdefault(tag, {})[source] = count
        counts.update((tag, count) for tag, count in connection.execute(_EXACT_ALL, asked))
    return counts, sources


def count_among(connection: Connection, pictures: Sequence[int]) -> dict[int, int]:
    """Tag -> how many of these pictures have it; only tags that some of them have."""
    counts: Counter[int] = Counter()
    apart = _apart(connection)
    odd = {id for tags in apart for id in tags}
    for some in in_parts(pictures, _AT_ONCE):
        found = connection.execute(_AMONG, {"pictures": some})
        counts.update({row.tag_id: row.pictures for row in found if row.tag_id not in odd})
        for tags in apart:
            found = connection.execute(_EXACT_AMONG, {"pictures": some, "tags": tags})
            counts.update({row.tag_id: row.pictures for row in found})
    return counts


def _apart(connection: Connection) -> list[list[int]]:
    """The tags whose rows have to be looked at one by one, some at a time, each with those merged into it."""
    odd = {id for query in _ODD for id in connection.scalars(query)}
    return [list(connection.scalars(_MERGED, {"tags": some})) for some in in_parts(odd, _AT_ONCE)]


def _living(connection: Connection, query: Select[Any], asked: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Counts less what pictures have that can't be found: these are few, and all rows need not be joined."""
    dead = query.join(PICTURE, PICTURE.c.id == GIVEN.c.picture_id).where(~PICTURE.c.live)
    less = {tuple(key): count for *key, count in connection.execute(dead, asked)}
    for *key, count in connection.execute(query, asked):
        if left := count - less.get(tuple(key), 0):
            yield (*key, left)
