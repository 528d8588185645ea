"""The pictures of a job that a query finds: originals, unless the query itself asks for edits."""

from search.engine import Engine
from search.filters import Filter
from search.query import Query, parse

_LINEAGE = ("is", "edit-of")


def found_by(engine: Engine, line: str, k: int, *, local_files: bool = True) -> list[int]:
    """Ids of at most k pictures that a line of the query language finds, best first.

    What earlier jobs made of them is left out: done twice, the same job must not work on its own outcomes. A query
    that names `is:` or `edit-of:` means what it says. Raises what `Engine.search` raises.
    """
    query = parse(line)
    if not any(one.field in _LINEAGE for one in query.filters):
        query = Query(query.terms, (*query.filters, Filter("is", "edit", negative=True)))
    return [one.id for one in engine.search(query, k=k, local_files=local_files).results]
