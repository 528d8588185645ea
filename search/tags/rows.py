"""Tags in the catalogue: found by name, made where there are none."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from indexer.errors import UsageError
from indexer.tables import Base
from indexer.tag_tables import TagRow

T = TypeVar("T")
LONGEST = 256
"""Characters of a tag's name."""
_TAG = Base.metadata.tables[TagRow.__tablename__]
_AT_ONCE = 500


def in_parts(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values, so many at a time: what one statement may name is limited."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def key_of(name: str) -> str:
    """A tag's name as names are compared: composed, case folded, `_` and runs of spaces as one space.

    Raises UsageError for a name that is empty or too long.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError("A tag's name is no text: it holds half of a surrogate pair.") from error
    key = " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").casefold().split())
    if not key:
        raise UsageError("A tag has no name: give it one.")
    if len(key) > LONGEST:
        raise UsageError(f"A tag's name has at most {LONGEST} characters, not {len(key)}: {key[:40]}...")
    return key


def spelt(name: str) -> str:
    """A tag's name as it is shown: `_` and runs of spaces as one space."""
    return " ".join(name.replace("_", " ").split())[:LONGEST]


def tag_ids(connection: Connection, wanted: Iterable[tuple[str, str | None]]) -> dict[str, int]:
    """Key of a name -> id of tags given as (name, concept or None), made where they don't exist yet.

    A name that was merged into another tag, or that a tag had before it was renamed, leads to that tag.
    """
    names = {key_of(name): (name, concept) for name, concept in wanted}
    found = _found(connection, list(names))
    missing = [key for key in names if key not in found]
    if missing:
        make = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(_TAG)
        # Another process may make the same tag at this moment.
        connection.execute(make.on_conflict_do_nothing(), [new_row(*names[key]) for key in missing])
        found |= _found(connection, missing)
    return found


def name_in_languages(connection: Connection, names: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Give tags, made where they don't exist yet, their names in other languages (code -> names, the usual one first).
    What somebody has called them before stays."""
    ids = tag_ids(connection, [(name, None) for name in names])
    for name, told in names.items():
        mine = _TAG.c.id == ids[key_of(name)]
        known = connection.scalar(select(_TAG.c.translations).where(mine)) or {}
        merged = {language: some[0] for language, some in told.items() if some} | known
        if merged != known:
            connection.execute(update(_TAG).where(mine).values(translations=merged))


def new_row(name: str, concept: str | None = None, **values: Any) -> dict[str, Any]:
    """The columns of a tag that is made now."""
    return {
        "name": spelt(name),
        "key": key_of(name),
        "concept": concept,
        "merged_into": None,
        "forbidden": False,
        "threshold": None,
        "translations": {},
        "created_at": datetime.now(UTC).replace(tzinfo=None),
    } | values


def _found(connection: Connection, keys: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(keys), _AT_ONCE):
        query = select(_TAG.c.key, func.coalesce(_TAG.c.merged_into, _TAG.c.id).label("id"))
        rows = connection.execute(query.where(_TAG.c.key.in_(keys[start : start + _AT_ONCE])))
        found.update((row.key, row.id) for row in rows)
    return found
