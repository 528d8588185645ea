"""Inner-product search by FAISS, on the GPUs where its build finds some, otherwise on the CPU."""

from typing import Any

import numpy as np

from indexer.errors import DependencyError
from indexer.types import Floats, Hits, Ids

GATHER_SHARE = 0.05
"""Below this share of allowed rows, gathering them and scoring just those beats a scan with a selector."""
HALF_ERROR = 2.0**-11 + 2.0**-16
"""A half-precision component is off by 2^-11 of itself at most, so the inner product of unit vectors by
2^-11 (Cauchy-Schwarz); the rest is for components below the normal range and for rounding in sums."""


class FaissStore:
    """A flat FAISS index, rows numbered in the order they were added.

    `Flat` keeps float32. `SQfp16` keeps half precision, which a CPU reads in a quarter of the time;
    whoever needs exact scores ranks its best rows again by the vectors themselves.
    """

    def __init__(self, kind: str, dimension: int) -> None:
        """`kind` is a FAISS factory string. Raises DependencyError where no build of FAISS is installed."""
        self._faiss = _import_faiss()
        self._on_gpu = self._faiss.get_num_gpus() > 0
        # GPUs have no flat half-precision index of this sort, and the bandwidth not to need it.
        self.kind = "Flat" if self._on_gpu else kind
        self.error = HALF_ERROR if self.kind == "SQfp16" else 2.0**-20
        index = self._faiss.index_factory(dimension, self.kind, self._faiss.METRIC_INNER_PRODUCT)
        self._index: Any = self._faiss.index_cpu_to_all_gpus(index) if self._on_gpu else index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Floats) -> None:
        """Append rows [n, dimension]."""
        if len(vectors):
            self._index.add(np.ascontiguousarray(vectors, np.float32))

    def search(self, queries: Floats, k: int, allowed: Ids | None = None) -> list[Hits]:
        """The k best rows for each of [n, dimension] float32, only among `allowed` where it is given.

        Fewer than k come back only where fewer exist.
        """
        k = min(k, len(self) if allowed is None else len(allowed))
        if k == 0:
            return [Hits(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        queries = np.ascontiguousarray(queries, np.float32)
        if allowed is None:
            scores, rows = self._index.search(queries, k)
        elif self._on_gpu or len(allowed) < GATHER_SHARE * len(self):
            return [self._gather(query, k, allowed) for query in queries]
        else:
            scores, rows = self._index.search(queries, k, params=self._only(allowed))
        return [Hits(r, s) for r, s in zip(rows, scores, strict=True)]

    def _gather(self, query: Floats, k: int, allowed: Ids) -> Hits:
        scores = self._index.reconstruct_batch(allowed) @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return Hits(allowed[best], scores[best])

    def _only(self, allowed: Ids) -> Any:
        mask = np.zeros(len(self), bool)
        mask[allowed] = True
        selector = self._faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        return self._faiss.SearchParameters(sel=selector)


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise DependencyError(
            "FAISS is not installed: `pip install 'pixloom[cpu]'`, or 'pixloom[gpu]' on a machine with "
            "an NVIDIA GPU (the two exclude each other)."
        ) from error
    return faiss
