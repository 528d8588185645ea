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
Doubles = NDArray[np.float64]
_AT_ONCE = 1024
"""Relevant items whose rows are compared at once."""


def recall_at_k(scores: Floats, relevant: Flags, k: int) -> float:
    """Share of queries with at least one relevant item among the k best, as for captioned pictures
    (Hodosh et al. 2013). A query without any relevant item counts as missed."""
    return float(np.mean(before_relevant(scores, relevant) < k))


def before_relevant(scores: Floats, relevant: Flags) -> NDArray[np.int64]:
    """How many irrelevant items come before the first relevant one, for each query [q]; where none is relevant, the
    largest number there is."""
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    before = ((scores >= best) & ~relevant).sum(axis=1)
    return np.where(relevant.any(axis=1), before, np.iinfo(np.int64).max)


def precision_at_k(scores: Floats, relevant: Flags, k: int) -> float:
    """Mean share of relevant items among the k best (among all, where there are fewer than k)."""
    k = min(k, scores.shape[1])
    least = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    above, tied = scores > least, scores == least
    # Places that are left for those tied at the k-th go to irrelevant ones first.
    places = k - above.sum(axis=1) - (tied & ~relevant).sum(axis=1)
    return float(np.mean(((above & relevant).sum(axis=1) + np.maximum(places, 0)) / k))


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
    gaps = [size * abs(mean - right) for mean, right, size in reliability(confidence, correct, bins)]
    return float(sum(gaps) / len(confidence))


def reliability(confidence: Floats, correct: Flags, bins: int = 15) -> list[tuple[float, float, int]]:
    """(mean confidence, accuracy, size) of each bin that isn't empty, as `expected_calibration_error` has them."""
    places = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    sizes = np.bincount(places, minlength=bins)
    sums = (np.bincount(places, weights=values, minlength=bins) for values in (confidence, correct))
    rows = zip(*sums, sizes, strict=True)
    return [(float(mean / size), float(right / size), int(size)) for mean, right, size in rows if size]


def calibrated_confidence(scores: Floats, relevant: Flags) -> Floats:
    """Highest softmax probability [q] of each row's scores, with temperature scaling (Guo et al. 2017)
    fitted by likelihood on the other half of the rows, so that no row takes part in its own calibration."""
    confidence = np.empty(len(scores), np.float32)
    for half in (0, 1):
        scale = _fitted_scale(scores[1 - half :: 2], relevant[1 - half :: 2])
        confidence[half::2] = np.exp(_log_softmax(scores[half::2] * scale)).max(axis=1)
    return confidence


def _fitted_scale(scores: Floats, relevant: Flags) -> float:
    """The inverse temperature, of 1 to 1000, under which what is relevant is most likely, a row's several counting
    equally; 1 without any rows."""
    shares = relevant / np.maximum(relevant.sum(axis=1, keepdims=True), 1)
    scales = np.geomspace(1, 1000, 61)
    return float(max(scales, key=lambda scale: float((_log_softmax(scores * scale) * shares).sum())))


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _ranked(scores: Floats, relevant: Flags) -> Flags:
    """`relevant` with each row in order of falling score; among ties the relevant come last."""
    order = np.lexsort((relevant, -scores), axis=1)
    ranked: Flags = np.take_along_axis(relevant, order, axis=1)
    return ranked


def places(scores: Floats, relevant: Flags) -> tuple[Labels, Labels]:
    """(row, place) of every relevant item when each row's items are ranked: 1 is the best place; ascending by row,
    then place. Ties count against the relevant ones, of which no two share a place."""
    rows, columns = np.nonzero(relevant)
    own = scores[rows, columns]
    order = np.lexsort((-own, rows))
    rows, own = rows[order], own[order]
    nth = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    before = [
        ((scores[rows[some]] >= own[some, None]) & ~relevant[rows[some]]).sum(axis=1)
        for some in (slice(start, start + _AT_ONCE) for start in range(0, len(rows), _AT_ONCE))
    ]
    return rows, nth + (np.concatenate(before) if before else np.zeros(0, np.int64))


def shares_found(scores: Floats, relevant: Flags, k: int) -> Doubles:
    """Share of each row's relevant items that are among the k best [q] (recall@k of recommenders); NaN for a row
    without any."""
    rows, place = places(scores, relevant)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(rows, place <= k, len(scores)) / relevant.sum(axis=1))


def ndcg_at_k(scores: Floats, relevant: Flags, k: int) -> Doubles:
    """Normalised discounted cumulative gain of each row [q] (Järvelin and Kekäläinen 2002), a relevant item's gain
    being 1: 1 where as many relevant items as there can be fill the first places; NaN for a row without any."""
    rows, place = places(scores, relevant)
    gains = np.bincount(rows, np.where(place <= k, 1 / np.log2(1 + place), 0), len(scores))
    best = np.r_[0, np.cumsum(1 / np.log2(2 + np.arange(k)))]
    with np.errstate(invalid="ignore"):
        return np.asarray(gains / best[np.minimum(relevant.sum(axis=1), k)])
