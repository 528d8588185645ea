"""Names of tags in another language, from a dictionary or a wordnet that is here."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import select

from indexer.collection import Collection
from indexer.errors import UsageError
from search.knowledge.dictionary import FOLDER, read_dictionary
from search.knowledge.wn_library import read_wn
from search.tags.effective import TAG
from search.tags.rows import name_in_languages

Names = Mapping[str, str]
"""A tag's name -> its concept, '' where it has none."""


def _by_dictionary(names: Names, language: str, folder: Path | None) -> dict[str, str]:
    return read_dictionary(names, language, folder or FOLDER)


def _by_wn(names: Names, language: str, folder: Path | None) -> dict[str, str]:
    graph = read_wn(languages=(language,), folder=folder)
    told = {name: graph[id].translations.get(language, ()) for name, id in names.items() if id in graph}
    return {name: some[0] for name, some in told.items() if some}


SOURCES: dict[str, Callable[[Names, str, Path | None], dict[str, str]]] = {"dictionary": _by_dictionary, "wn": _by_wn}
"""Name -> what gives names in a language: by word from FreeDict's dictionaries, by meaning from wordnets."""


def fill_language(
    collection: Collection, language: str, source: str = "dictionary", folder: Path | None = None
) -> tuple[int, int]:
    """Name all tags in a language that have no name in it yet; how many were named, of how many.

    `folder` is where the source's files are, if not at their usual place. Raises UsageError for an unknown source or
    language, NotFoundError and DependencyError where it isn't here.
    """
    if source not in SOURCES:
        raise UsageError(f"There is no source of names {source!r}: one of {', '.join(SOURCES)}.")
    query = select(TAG.c.name, TAG.c.concept, TAG.c.translations).where(TAG.c.merged_into.is_(None))
    with collection.catalog.database.read() as connection:
        rows = connection.execute(query).all()
    names = {row.name: row.concept or "" for row in rows if language not in (row.translations or {})}
    found = SOURCES[source](names, language, folder)
    with collection.catalog.database.write() as connection:
        name_in_languages(connection, {name: {language: (word,)} for name, word in found.items()})
    return len(found), len(names)
