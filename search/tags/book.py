"""The collection's tags: those of a picture, and all of them with how many pictures have each."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from indexer.tag_tables import IMPORTED, MODEL, TAUGHT, TYPED
from search.tags.counts import count_among, totals
from search.tags.effective import CALLED, TAG, effective
from search.tags.names import Tag, name_in, tags_by_id

SOURCES = (TYPED, TAUGHT, IMPORTED, MODEL)
"""Where a tag can be from; who is believed first comes first."""
MOST = 8
"""Tags that a search result carries at most."""
_AT_ONCE = 5000
"""Ids named in one statement."""
# Put together once: that costs more than asking them.
_GIVEN = effective(of_pictures=True).add_columns(CALLED.c.name, CALLED.c.concept)
_GIVEN_IN = _GIVEN.add_columns(CALLED.c.translations)
_LISTED = select(TAG.c.id, TAG.c.name).where(TAG.c.merged_into.is_(None))


@dataclass(frozen=True, slots=True)
class PictureTag:
    """A tag that a picture has; `probability` is None where nobody estimated it and no person said it."""

    id: int
    name: str
    concept: str | None
    probability: float | None
    sources: tuple[str, ...]
    own_name: str
    """Its name in no language asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A tag of the collection, under its `name` in the language asked for: `count` pictures have it, `sources` says
    how many by each way (empty where only some pictures were looked at)."""

    id: int
    name: str
    count: int
    sources: dict[str, int]
    concept: str | None
    forbidden: bool
    threshold: float | None
    translations: dict[str, str]


@dataclass(frozen=True, slots=True)
class TagPage:
    """Tags, those of most pictures first; `total` counts them over all pages, `next` is the `after` of the page
    that follows, None at the end."""

    total: int
    tags: tuple[Entry, ...]
    next: int | None


def tags_of(
    connection: Connection, ids: Sequence[int], language: str | None = None
) -> dict[int, tuple[PictureTag, ...]]:
    """The tags of each of these pictures, the surest first, called as they are in `language`."""
    found: dict[int, dict[int, PictureTag]] = {id: {} for id in ids}
    asked = _GIVEN_IN if language else _GIVEN
    for start in range(0, len(ids), _AT_ONCE):
        # Rows are taken apart as tuples: their attributes cost several times as much.
        for id, tag, source, p, name, concept, *more in connection.execute(
            asked, {"pictures": list(ids[start : start + _AT_ONCE])}
        ).all():
            called = name_in(language, name, more[0]) if language else name
            said, own = PictureTag(tag, called, concept, p, (source,), name), found[id]
            own[tag] = _joined(own[tag], said) if tag in own else said
    return {id: tuple(sorted(tags.values(), key=_surest)) for id, tags in found.items()}


def tag_names(connection: Connection, ids: Sequence[int], most: int = MOST) -> dict[int, tuple[str, ...]]:
    """The names of the tags of each of these pictures, the surest first, at most so many."""
    return {id: tuple(tag.name for tag in tags[:most]) for id, tags in tags_of(connection, ids).items()}


def counted(
    connection: Connection,
    *,
    among: Sequence[int] | None = None,
    language: str | None = None,
    contains: str = "",
    limit: int = 100,
    after: int = 0,
) -> TagPage:
    """A page of the collection's tags, also of those that no picture has and of forbidden ones.

    `among` counts only within these pictures, and then only tags that some of them have. `contains` is a part of the
    name in any case; `after` the tags to pass over.
    """
    counts, sources = totals(connection) if among is None else (count_among(connection, among), {})
    names = connection.execute(_LISTED).all()
    wanted = contains.casefold()
    chosen = [
        (-counts.get(id, 0), name.casefold(), id)
        for id, name in names
        if (among is None or id in counts) and wanted in name.casefold()
    ]
    page = [id for _, _, id in heapq.nsmallest(after + limit, chosen)[after:]]
    tags = tags_by_id(connection, page)
    listed = tuple(_entry(tags[id], counts.get(id, 0), sources.get(id, {}), language) for id in page)
    return TagPage(len(chosen), listed, after + limit if after + limit < len(chosen) else None)


def _joined(one: PictureTag, other: PictureTag) -> PictureTag:
    """A tag that a picture has by two ways, of which one may be several already; who is believed first comes first."""
    sources = tuple(source for source in SOURCES if source in (*one.sources, *other.sources))
    said = [p for p in (one.probability, other.probability) if p is not None]
    return replace(one, probability=max(said, default=None), sources=sources)


def _surest(tag: PictureTag) -> tuple[float, str]:
    return -(1.0 if tag.probability is None else tag.probability), tag.name


def _entry(tag: Tag, count: int, sources: dict[str, int], language: str | None) -> Entry:
    told = {source: sources[source] for source in SOURCES if source in sources}
    name = tag.called(language)
    return Entry(tag.id, name, count, told, tag.concept, tag.forbidden, tag.threshold, tag.translations)
