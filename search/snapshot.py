"""The collection as one search sees it: an immutable set of vectors and ids, renewed when it changes."""

from dataclasses import dataclass

import numpy as np

from indexer.collection import Collection
from indexer.errors import DamageError
from indexer.indexes import check_stored, stored_index, vector_file
from indexer.records import IndexInfo
from indexer.types import Floats, Hits, Ids, VectorStore
from indexer.vectors import open_store
from search.cutoff import SAMPLE

_MARGIN = 30
"""Rows taken beyond k at first; more only where scores lie closer than the store can tell apart."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows 0..rows-1 of one index. Nothing in it ever changes, so searches need no lock."""

    generation: int
    index: IndexInfo
    vectors: Floats
    """The vector file [rows, dimension], mapped; it stays readable when a rebuild replaces it."""
    store: VectorStore
    ids: Ids
    """Picture id of each row [rows]."""
    alive: Ids | None
    """Rows that may be found, ascending; None where all may."""
    sample: Floats
    """Vectors [s, dimension] that stand for the collection at large."""

    @property
    def count(self) -> int:
        """Pictures that may be found."""
        return len(self.ids) if self.alive is None else len(self.alive)

    def vector(self, id: int) -> Floats | None:
        """The vector [dimension] of a picture that may be found; None where it has none here."""
        # Not asked of the catalogue, which may have gone on to another index meanwhile.
        rows = np.flatnonzero(self.ids == id) if id < 2**63 else self.ids[:0]
        if len(rows) and self.alive is not None:
            place = np.searchsorted(self.alive, rows[0])
            rows = rows if rows[0] in self.alive[place : place + 1] else rows[:0]
        return np.array(self.vectors[rows[0]]) if len(rows) else None

    def living(self) -> Ids:
        """The rows that may be found, ascending."""
        return np.arange(len(self.ids)) if self.alive is None else self.alive

    def search(self, query: Floats, k: int, allowed: Ids | None = None) -> Hits:
        """The k best living rows for a unit-norm query [dimension], exactly; fewer only where fewer exist. With
        `allowed`, of these rows, which live and ascend.

        The store's best rows are ranked again by the vectors themselves, until no row that was left
        out can have a better exact score than the k-th.
        """
        error, wanted = 2 * self.store.error, k + _MARGIN
        allowed = self.alive if allowed is None else allowed
        while True:
            hits = self.store.search(query[np.newaxis], wanted, allowed)[0]
            exact = np.einsum("ij,j->i", self.vectors[hits.rows], query)
            best = np.argsort(-exact, kind="stable")[:k]
            if len(hits.rows) < wanted or exact[best[-1]] >= hits.scores[-1] + error:
                return Hits(hits.rows[best], exact[best])
            wanted *= 4

    def background(self, query: Floats) -> Floats:
        """The scores of the sample for a query [dimension]."""
        # Not by BLAS: its threads would spin beside those of FAISS, which costs more than they save.
        scores: Floats = np.einsum("ij,j->i", self.sample, query)
        return scores


def take(collection: Collection, before: Snapshot | None, index: int | None = None) -> Snapshot | None:
    """The snapshot of now, sharing with `before` what hasn't changed; None where nothing is indexed.

    It is of the index that answers, or of the one with the id `index`. Raises DamageError where the vector file
    is shorter than the catalogue says.
    """
    while True:
        state = collection.catalog.state()
        if before is not None and before.generation == state.generation:
            return before
        chosen = state.index if index is None else stored_index(collection.catalog, index)
        if chosen is None:
            return None
        try:
            return _take(collection, before, state.generation, chosen)
        except DamageError:
            # Unless the index was replaced, and its file deleted, just after the catalogue was asked.
            if collection.catalog.state().generation == state.generation:
                raise


def _take(collection: Collection, before: Snapshot | None, generation: int, index: IndexInfo) -> Snapshot:
    check_stored(collection.settings, index)
    file = vector_file(collection.settings, index)
    vectors, ids = file.vectors(index.rows), np.array(file.ids(index.rows))
    store = _store(index, vectors, before)
    dead = collection.catalog.dead()
    alive = np.flatnonzero(~np.isin(ids, dead)) if dead else None
    return Snapshot(generation, index, vectors, store, ids, alive, _sample(vectors, alive))


def _store(index: IndexInfo, vectors: Floats, before: Snapshot | None) -> VectorStore:
    """A store of all rows, made of the one before where only rows were added."""
    if before is not None and before.index.same(index) and len(before.store) <= index.rows:
        return before.store.extended(vectors[len(before.store) :])
    return open_store(index.kind, index.dimension).extended(vectors)


def _sample(vectors: Floats, alive: Ids | None) -> Floats:
    rows = np.arange(len(vectors)) if alive is None else alive
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False))
    return np.array(vectors[rows])
