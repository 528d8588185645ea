"""Quality figures of an encoder on data with known answers: captions, or labels, categories, attributes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from indexer.errors import UsageError
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.sources.datasets import DataSet
from indexer.sources.problems import Kind
from indexer.types import Encoder, Floats, OnProgress, Progress
from search import metrics
from search.embed import Failures, picture_vectors
from search.prompts import attribute_vectors, class_vectors, text_vectors
from search.truth import Truth, labelled, truth_of

CURVE = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
"""Where the curve of recall is drawn."""
_BLOCK = 512
"""Queries whose scores are held at once."""


def _quiet(progress: Progress) -> None:
    """Report nothing."""


def evaluate_captions(
    data: DataSet, encoder: Encoder, on_progress: OnProgress = _quiet, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """Recall at 1, 5 and 10 from captions to pictures and back, over all pictures that have captions.

    `curve` has the recall at more places. Pictures that are missing or can't be read are left out and listed under
    "failed"; what else is wrong with the data is under "problems". Raises UsageError where nothing has captions, and
    what reading the data raises.
    """
    items = [item for item in data if item.captions]
    if not items:
        raise UsageError(f"{data.path} holds no captions; say which column has them with --column-caption.")
    vectors, kept, failed = picture_vectors([item.path for item in items], encoder, on_progress, limits)
    captions = [[caption.text for caption in items[index].captions] for index in kept]
    owner = np.repeat(np.arange(len(kept)), [len(texts) for texts in captions])
    texts = text_vectors([text for some in captions for text in some], encoder)
    before = {
        "text_to_picture": _before(texts, vectors, owner, np.arange(len(kept))),
        "picture_to_text": _before(vectors, texts, np.arange(len(kept)), owner),
    }
    recalls = {name: {f"recall@{k}": float(np.mean(places < k)) for k in (1, 5, 10)} for name, places in before.items()}
    curve = {name: [float(np.mean(places < k)) for k in CURVE] for name, places in before.items()}
    return {
        "encoder": encoder.name,
        "pictures": len(kept),
        "captions": len(texts),
        **recalls,
        "curve": {"k": list(CURVE), **curve},
        **wrong(data, failed),
    }


def evaluate_labels(
    data: DataSet, encoder: Encoder, on_progress: OnProgress = _quiet, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """Zero-shot figures on pictures with labels, or else boxes, or else attributes that are true or false.

    precision@10 and map: pictures ranked by each class, by the mean of its prompts (search/prompts.py); `chance` is
    the map of a ranking by lot. accuracy: share of pictures whose nearest class is right, or one of the right ones.
    similar_precision@10: pictures ranked by each picture, itself left out; right ones share a class. ece: expected
    calibration error of the class probabilities after cross-fitted temperature scaling, whose bins `reliability` has.
    These three are None for attributes, of which a picture has any number. Failures, problems and errors are as for
    captions.
    """
    items = labelled(list(data))
    vectors, kept, failed = picture_vectors([item.path for item in items], encoder, on_progress, limits)
    truth = truth_of(items).of(kept)
    names = [names[0] for names in truth.names]
    queries = attribute_vectors(names, encoder) if truth.attributes else class_vectors(truth.names, encoder)
    classes = list(_per_class(names, truth, vectors, queries))
    return {
        "encoder": encoder.name,
        "pictures": len(kept),
        "classes": len(names),
        **(_ATTRIBUTES if truth.attributes else _choices(truth, vectors, vectors @ queries.T)),
        "precision@10": float(np.mean([row["precision@10"] for row in classes])),
        "map": float(np.mean([row["average_precision"] for row in classes])),
        "chance": float(np.mean([row["share"] for row in classes])),
        "per_class": classes,
        **wrong(data, failed),
    }


_ATTRIBUTES: dict[str, Any] = {"accuracy": None, "similar_precision@10": None, "ece": None, "reliability": []}


def _choices(truth: Truth, vectors: Floats, scores: Floats) -> dict[str, Any]:
    """Figures of choosing one class for a picture."""
    confidence = metrics.calibrated_confidence(scores, truth.shown)
    right = truth.shown[np.arange(len(scores)), scores.argmax(axis=1)]
    bins = metrics.reliability(confidence, right)
    return {
        "accuracy": metrics.recall_at_k(scores, truth.shown, 1),
        "similar_precision@10": _similar(vectors, truth) if len(vectors) > 1 else 0.0,
        "ece": metrics.expected_calibration_error(confidence, right),
        "reliability": [{"confidence": mean, "accuracy": share, "pictures": size} for mean, share, size in bins],
    }


def _per_class(names: list[str], truth: Truth, vectors: Floats, queries: Floats) -> Iterator[dict[str, Any]]:
    for place, name in enumerate(names):
        known = truth.known[:, place]
        shown, scores = truth.shown[known, place][None], (vectors[known] @ queries[place])[None]
        yield {
            "name": name,
            "pictures": int(shown.sum()),
            "share": float(shown.mean()),
            "precision@10": metrics.precision_at_k(scores, shown, 10),
            "average_precision": metrics.mean_average_precision(scores, shown),
        }


def _similar(vectors: Floats, truth: Truth) -> float:
    """Mean share of pictures that share a class among the 10 nearest to each picture, itself left out."""
    total, shown = 0.0, truth.shown.astype(np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(vectors)))
        others = np.arange(len(vectors)) != block[:, None]
        scores, same = vectors[block] @ vectors.T, shown[block] @ shown.T > 0
        shape = (len(block), len(vectors) - 1)
        total += metrics.precision_at_k(scores[others].reshape(shape), same[others].reshape(shape), 10) * len(block)
    return total / len(vectors)


def _before(queries: Floats, items: Floats, owners: Any, item_owners: Any) -> Any:
    """For each query, how many items of other owners come before the first of its own; queries in blocks."""
    blocks = (slice(start, start + _BLOCK) for start in range(0, len(queries), _BLOCK))
    return np.concatenate(
        [metrics.before_relevant(queries[some] @ items.T, owners[some, None] == item_owners) for some in blocks]
    )


def wrong(data: DataSet, failed: Failures) -> dict[str, Any]:
    """What was left out: pictures that aren't there, or can't be read, and whatever else is wrong with the data."""
    missing = [{"path": one.where, "reason": one.what} for one in data.problems.of(Kind.MISSING)]
    return {"failed": missing + failed, "problems": data.problems.as_dict()}
