"""Vector stores by name; the truth they are built from is `indexer.vectors.file`."""

from collections.abc import Callable

from indexer.errors import UsageError
from indexer.types import VectorStore
from indexer.vectors.faiss_store import FaissStore

STORES: dict[str, Callable[[str, int], VectorStore]] = {"Flat": FaissStore, "SQfp16": FaissStore}
"""Index kind, as a FAISS factory string -> what makes an empty store of that kind and dimension."""
DEFAULT_KIND = "SQfp16"


def open_store(kind: str, dimension: int) -> VectorStore:
    """An empty store; UsageError, listing the valid kinds, where `kind` is none."""
    if kind not in STORES:
        raise UsageError(f"There is no index kind {kind!r}; choose one of: {', '.join(sorted(STORES))}.")
    return STORES[kind](kind, dimension)
