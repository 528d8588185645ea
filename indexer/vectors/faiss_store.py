"""Inner-product search by FAISS, on the GPUs where its build finds some, otherwise on the CPU."""

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from indexer.errors import DependencyError
from indexer.types import Floats, Hits, Ids

GATHER_SHARE = 0.05
"""Below this share of allowed rows, gathering them and scoring just those beats a scan with a selector."""
PART = 16_384
"""Rows below which a part is not worth a thread of its own."""
HALF_ERROR = 2.0**-11 + 2.0**-16
"""A half-precision component is off by 2^-11 of itself at most, so the inner product of unit vectors by
2^-11 (Cauchy-Schwarz); the rest is for components below the normal range and for rounding in sums."""


class FaissStore:
    """Flat FAISS indexes over consecutive rows, searched side by side.

    `Flat` keeps float32. `SQfp16` keeps half precision, which a CPU reads in a quarter of the time;
    whoever needs exact scores ranks its best rows again by the vectors themselves.
    """

    def __init__(self, kind: str, dimension: int) -> None:
        """`kind` is a FAISS factory string. Raises DependencyError where no build of FAISS is installed."""
        self._faiss, self._dimension = _import_faiss(), dimension
        self._on_gpu = self._faiss.get_num_gpus() > 0
        # GPUs have no flat half-precision index of this sort, and the bandwidth not to need it.
        self.kind = "Flat" if self._on_gpu else kind
        self.error = HALF_ERROR if self.kind == "SQfp16" else 2.0**-20
        self._threads = 1 if self._on_gpu else self._faiss.omp_get_max_threads()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="faiss")
        self._parts: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return sum(part.ntotal for part in self._parts)

    def extended(self, vectors: Floats) -> "FaissStore":
        """A store of these rows and those of [n, dimension] after them; large parts are shared with this one."""
        store = copy.copy(self)
        if len(vectors):
            kept, rows = self._parts, vectors
            if kept and kept[-1].ntotal < PART:  # few rows at a time must not make many parts
                rows = np.concatenate([kept[-1].reconstruct_n(0, kept[-1].ntotal), vectors])
                kept = kept[:-1]
            pieces = max(1, min(self._threads, len(rows) // PART))
            store._parts = (*kept, *(self._part(piece) for piece in np.array_split(rows, pieces)))
        return store

    def search(self, queries: Floats, k: int, allowed: Ids | None = None) -> list[Hits]:
        """The k best rows for each of [n, dimension] float32, only among `allowed` (ascending) where given.

        Fewer than k come back only where fewer exist.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        starts = np.cumsum([0, *(part.ntotal for part in self._parts)])
        tasks = []
        for part, start, end in zip(self._parts, starts, starts[1:], strict=False):
            inside = None
            if allowed is not None:
                inside = allowed[np.searchsorted(allowed, start) : np.searchsorted(allowed, end)] - start
            tasks.append((part, queries, k, inside))
        if len(tasks) == 1:
            found = [self._search_part(*tasks[0])]
        else:
            found = list(self._pool.map(lambda task: self._search_part(*task), tasks))
        return [_merge([hits[n] for hits in found], starts, k) for n in range(len(queries))]

    def _part(self, rows: Floats) -> Any:
        index = self._faiss.index_factory(self._dimension, self.kind, self._faiss.METRIC_INNER_PRODUCT)
        index = self._faiss.index_cpu_to_all_gpus(index) if self._on_gpu else index
        index.add(np.ascontiguousarray(rows, np.float32))
        return index

    def _search_part(self, part: Any, queries: Floats, k: int, allowed: Ids | None) -> list[Hits]:
        k = min(k, part.ntotal if allowed is None else len(allowed))
        if k == 0:
            return [_NOTHING] * len(queries)
        if allowed is None:
            scores, rows = part.search(queries, k)
        elif self._on_gpu or len(allowed) < GATHER_SHARE * part.ntotal:
            vectors = part.reconstruct_batch(allowed)
            return [_best(allowed, vectors @ query, k) for query in queries]
        else:
            mask = np.zeros(part.ntotal, bool)
            mask[allowed] = True
            selector = self._faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
            scores, rows = part.search(queries, k, params=self._faiss.SearchParameters(sel=selector))
        return [Hits(r, s) for r, s in zip(rows, scores, strict=True)]


_NOTHING = Hits(np.empty(0, np.int64), np.empty(0, np.float32))


def _best(rows: Ids, scores: Floats, k: int) -> Hits:
    best = np.argsort(-scores, kind="stable")[:k]
    return Hits(rows[best], scores[best])


def _merge(found: list[Hits], starts: Ids, k: int) -> Hits:
    if not found:
        return _NOTHING
    rows = np.concatenate([hits.rows + start for hits, start in zip(found, starts, strict=False)])
    return _best(rows, np.concatenate([hits.scores for hits in found]), k)


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise DependencyError(
            "FAISS is not installed: `pip install 'pixloom[cpu]'`, or 'pixloom[gpu]' on a machine with "
            "an NVIDIA GPU (the two exclude each other)."
        ) from error
    return faiss
