"""Tags by what people call them: by name, by a translation, or by a name that was merged into another."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select

from indexer.errors import NotFoundError, UsageError
from search.tags.effective import CANONICAL, TAG
from search.tags.rows import key_of

_AT_ONCE = 500
_COMPARED = 20_000
"""Names that a misspelt one is compared with at most."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as it is now. `threshold` in 0..1 is the user's own; `translations` are names by language code."""

    id: int
    name: str
    concept: str | None
    forbidden: bool
    threshold: float | None
    translations: dict[str, str]

    def called(self, language: str | None) -> str:
        """Its name in a language (`pt-BR`, or else `pt`), or its own where it has none."""
        return name_in(language, self.name, self.translations) if language else self.name


def name_in(language: str, name: str, translations: dict[str, str]) -> str:
    """A tag's name in a language, or its own `name` where it has none there."""
    known = {code.casefold(): word for code, word in translations.items()}
    wanted = language.replace("_", "-").casefold()
    return known.get(wanted) or known.get(wanted.split("-")[0]) or name


def tags_by_id(connection: Connection, ids: Iterable[int]) -> dict[int, Tag]:
    """The tags of these ids."""
    wanted = list(ids)
    found: dict[int, Tag] = {}
    columns = (TAG.c.id, TAG.c.name, TAG.c.concept, TAG.c.forbidden, TAG.c.threshold, TAG.c.translations)
    for start in range(0, len(wanted), _AT_ONCE):
        rows = connection.execute(select(*columns).where(TAG.c.id.in_(wanted[start : start + _AT_ONCE])))
        found |= {row.id: Tag(*row) for row in rows}
    return found


def find_tags(connection: Connection, name: str) -> list[Tag]:
    """The tags of that name, or, where no tag has it, those that are called so in some language."""
    key = key_of(name)
    ids = list(connection.scalars(select(CANONICAL).where(TAG.c.key == key)))
    if not ids:
        translated = select(CANONICAL.label("id"), TAG.c.translations).where(
            func.length(cast(TAG.c.translations, Text)) > 2  # all but {}
        )
        rows = connection.execute(translated)
        ids = [row.id for row in rows if any(_same(word, key) for word in row.translations.values())]
    found = tags_by_id(connection, dict.fromkeys(ids))
    return [found[id] for id in sorted(found)]


def the_tag(connection: Connection, name: str) -> Tag:
    """The one tag of that name. NotFoundError names the nearest ones; UsageError where several are called so."""
    found = find_tags(connection, name)
    if not found:
        raise NotFoundError(unknown(connection, name))
    if len(found) > 1:
        several = ", ".join(f"{tag.name!r}" for tag in found)
        raise UsageError(f"Several tags are called {name!r}: {several}. Use one of these names.")
    return found[0]


def unknown(connection: Connection, name: str) -> str:
    """The sentence that says that there is no such tag, and which come near."""
    near = nearest(connection, name)
    return f"There is no tag {name!r}" + (f"; the nearest are: {', '.join(near)}." if near else ".")


def nearest(connection: Connection, name: str, most: int = 3) -> list[str]:
    """Names of tags that are spelt much like this one, nearest first."""
    key = key_of(name)
    alike = func.length(TAG.c.key).between(len(key) * 2 // 3, len(key) * 3 // 2 + 1)
    rows = select(TAG.c.key, TAG.c.name).where(alike, ~TAG.c.forbidden, TAG.c.merged_into.is_(None))
    first = TAG.c.key.startswith(key[0], autoescape=True)
    for some in (rows.where(first), rows):
        names = {row.key: row.name for row in connection.execute(some.limit(_COMPARED))}
        if close := difflib.get_close_matches(key, names, n=most):
            return [names[one] for one in close]
    return []


def _same(word: Any, key: str) -> bool:
    return isinstance(word, str) and bool(word.strip()) and key_of(word[:256]) == key
