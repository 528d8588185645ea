"""How a query scores pictures: likeness to what is looked for, less a penalty for what is to be avoided."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats, Hits, Ids
from search.cutoff import SAMPLE, Background
from search.snapshot import Snapshot

_CANDIDATES = 1000
"""Pictures that a minus is held against: the best for what is looked for."""
_MARGIN = 0.9
"""A minus costs nothing up to the score that this part of the collection stays below."""
_BLOCK = 8192
"""Rows scored at a time."""


@dataclass(frozen=True, slots=True)
class Formula:
    """`liked` is a unit-norm vector [dimension]; `avoided` has a weight, a vector, and the score up to which the
    likeness to it costs nothing, for each minus."""

    liked: Floats
    avoided: tuple[tuple[float, Floats, float], ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot, parts: Iterable[tuple[float, Floats]]) -> "Formula":
        """Of weighted vectors, of which one at least has a positive weight."""
        parts = list(parts)
        liked = np.sum([weight * vector for weight, vector in parts if weight > 0], axis=0)
        avoided = [(-weight, vector) for weight, vector in parts if weight < 0]
        return cls(
            np.asarray(liked / max(float(np.linalg.norm(liked)), 1e-12), np.float32),
            tuple((w, vector, float(np.quantile(snapshot.background(vector), _MARGIN))) for w, vector in avoided),
        )

    def background(self, snapshot: Snapshot) -> Background:
        """The scores of the collection at large."""
        scores = self._less(snapshot.background(self.liked), (snapshot.background(v) for _, v, _ in self.avoided))
        return Background.of(scores, snapshot.count)

    def best(self, snapshot: Snapshot, k: int, allowed: Ids | None = None) -> Hits:
        """The k best rows, of those `allowed` where they are given."""
        if not self.avoided:
            return snapshot.search(self.liked, k, allowed)
        hits = snapshot.search(self.liked, max(k, _CANDIDATES), allowed)
        vectors = snapshot.vectors[hits.rows]
        scores = self._less(hits.scores, (vectors @ vector for _, vector, _ in self.avoided))
        best = np.argsort(-scores, kind="stable")[:k]
        return Hits(hits.rows[best], scores[best])

    def scores_of(self, vectors: Floats, rows: Ids) -> Floats:
        """The scores [n] of n rows of a vector file."""
        parts = [np.empty(0, np.float32)]
        for start in range(0, len(rows), _BLOCK):
            some = vectors[rows[start : start + _BLOCK]]
            # Not by BLAS, as in Snapshot.background.
            likeness = (np.einsum("ij,j->i", some, vector) for _, vector, _ in self.avoided)
            parts.append(self._less(np.einsum("ij,j->i", some, self.liked), likeness))
        return np.concatenate(parts)

    def count(self, snapshot: Snapshot, rows: Ids, background: Background) -> int:
        """How many of these rows count as a match (an estimate where there are more than the sample has)."""
        some = rows if len(rows) <= SAMPLE else np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False))
        matching = background.matching(self.scores_of(snapshot.vectors, some))
        return round(float(matching.mean()) * len(rows)) if len(rows) else 0

    def _less(self, scores: Floats, likeness: Iterable[Floats] | Iterator[Floats]) -> Floats:
        """Scores less the penalties, given the likeness to each of what is avoided."""
        for (weight, _, margin), like in zip(self.avoided, likeness, strict=True):
            scores = scores - weight * np.maximum(like - margin, 0)
        return scores
