"""Retrieval and classification metrics: pure functions of score matrices.

`scores` [q, n] holds the score of n items for each of q queries, higher is better; `relevant` is boolean of
the same shape. Ties count against the query: an encoder that gives all the same score earns nothing by it.
All results are in 0..1.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats

Flags = NDArray[np.bool_]
Labels = NDArray[np.int64]


def recall_at_k(scores: Floats, relevant: Flags, k: int) -> float:
    """Share of queries with at least one relevant item among the k best, as for captioned pictures
    (Hodosh et al. 2013). A query without any relevant item counts as missed."""
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    before = ((scores >= best) & ~relevant).sum(axis=1)
    return float(np.mean((before < k) & relevant.any(axis=1)))


def precision_at_k(scores: Floats, relevant: Flags, k: int) -> float:
    """Mean share of relevant items among the k best (among all, where there are fewer than k)."""
    return float(_ranked(scores, relevant)[:, :k].mean())


def mean_average_precision(scores: Floats, relevant: Flags) -> float:
    """Mean over queries of the precision at each relevant item's rank, averaged over the query's relevant
    items. Queries without any are left out; NaN when none is left."""
    ranked = _ranked(scores, relevant)[relevant.any(axis=1)]
    if not len(ranked):
        return float("nan")
    precision = ranked.cumsum(axis=1) / np.arange(1, ranked.shape[1] + 1)
    return float(np.mean((precision * ranked).sum(axis=1) / ranked.sum(axis=1)))


def accuracy(scores: Floats, labels: Labels) -> float:
    """Share of rows whose best score is strictly that of their label; `labels` [q] are columns of `scores`."""
    return recall_at_k(scores, labels[:, None] == np.arange(scores.shape[1]), 1)


def expected_calibration_error(confidence: Floats, correct: Flags, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equal-width bins of confidence, weighted by the
    bins' sizes (Naeini et al. 2015; Guo et al. 2017). `confidence` [n] in 0..1, `correct` [n]."""
    places = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    gaps = np.bincount(places, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def calibrated_confidence(scores: Floats, labels: Labels) -> Floats:
    """Highest softmax probability [q] of each row's scores, with temperature scaling (Guo et al. 2017)
    fitted by likelihood on the other half of the rows, so that no row takes part in its own calibration."""
    confidence = np.empty(len(scores), np.float32)
    for half in (0, 1):
        scale = _fitted_scale(scores[1 - half :: 2], labels[1 - half :: 2])
        confidence[half::2] = np.exp(_log_softmax(scores[half::2] * scale)).max(axis=1)
    return confidence


def _fitted_scale(scores: Floats, labels: Labels) -> float:
    """The inverse temperature, of 1 to 1000, under which the labels are most likely; 1 without any rows."""
    rows = np.arange(len(labels))
    scales = np.geomspace(1, 1000, 61)
    return float(max(scales, key=lambda scale: float(_log_softmax(scores * scale)[rows, labels].sum())))


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _ranked(scores: Floats, relevant: Flags) -> Flags:
    """`relevant` with each row in order of falling score; among ties the relevant come last."""
    order = np.lexsort((relevant, -scores), axis=1)
    ranked: Flags = np.take_along_axis(relevant, order, axis=1)
    return ranked
