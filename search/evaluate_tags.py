"""Quality figures of automatic tags, beside plainer ways of naming what a picture shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.serial import unwrapped
from indexer.errors import UsageError
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.sources.datasets import DataSet
from indexer.sources.items import Item
from indexer.types import Encoder, Floats, OnProgress, Progress
from search import metrics
from search.embed import picture_vectors
from search.evaluate import wrong
from search.knowledge.everyday import Everyday
from search.knowledge.graph import Concept, ConceptGraph
from search.tags.choice import THRESHOLD, Choice
from search.tags.naming import make_scorer
from search.tags.nouns import concepts_named
from search.tags.rows import key_of
from search.tags.scorer import Scorer
from search.tags.truth import closed, named_concepts
from search.tags.vocabulary import Vocabulary, everyday_vocabulary, own_id

FEWEST = 5
"""Pictures whose captions must name a concept for it to be counted."""
LIKELY = 0.05
"""Probabilities below this are left out of the calibration error: nearly all pairs are there, and right."""
Flags = NDArray[np.bool_]


def _quiet(progress: Progress) -> None:
    """Report nothing."""


def evaluate_tags(
    data: DataSet, encoder: Encoder, on_progress: OnProgress = _quiet, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """How right the tags of the open vocabulary are, by nouns of captions or else by labels.

    Counted are, of captions, concepts that those of at least 5 pictures name: what shows a dog shows an animal; and of
    labels, those that name a concept, or else are added as names of their own. A name that is given counts with all it
    is a kind of, by the plainer ways too.
    precision, recall, f1: over all (picture, name) pairs at the tags' thresholds; `best_f1` at the best one threshold;
    map: pictures ranked by each name; ece: of pairs with a probability of at least .05, in 10 bins.

    `beside`: the same of the k names whose vectors are nearest to the picture's, of the k best classes of the tower's
    own classifier, where it has one (`head`), and of the raw score at its best one threshold.
    Raises UsageError where the data have neither captions nor labels.
    """
    everyday = Everyday()
    items = [item for item in data if item.captions] or [item for item in data if item.labels]
    if not items:
        raise UsageError(f"{data.path} holds neither captions nor labels to compare tags with.")
    of_captions = bool(items[0].captions)
    tower = encoder.tower
    read, kept, failed = picture_vectors(
        [item.path for item in items], encoder, on_progress, limits, tower.features if tower else None
    )
    vectors, features = (tower.project(read), read) if tower else (read, None)
    items = [items[place] for place in kept]
    vocabulary, truth = (_of_captions if of_captions else _of_labels)(items, everyday)
    counted = np.flatnonzero(truth.sum(axis=0) >= (FEWEST if of_captions else 1))
    scorer = make_scorer(encoder, vocabulary, everyday)
    choice = Choice(vocabulary, np.full(len(vocabulary), THRESHOLD, np.float32), scorer.unprobed)
    scores = choice.raised(scorer.probabilities(vectors, features))
    given = choice.given(scores, scorer.doubtful(vectors))
    return {
        "encoder": encoder.name,
        "pictures": len(kept),
        "names": len(vocabulary),
        "counted": len(counted),
        "tags_per_picture": float(given.sum(axis=1).mean()),
        **figures(scores[:, counted], truth[:, counted], closed(given, vocabulary.graph)[:, counted]),
        "beside": {
            name: _rates(closed(marks, vocabulary.graph)[:, counted], truth[:, counted])
            for name, marks in _plainer(scorer, encoder, vectors, features, everyday).items()
        }
        | {"raw score": _raw(vectors @ scorer.names.T, counted, truth)},
        **wrong(data, failed),
    }


def figures(scores: Floats, truth: Flags, given: Flags | None = None) -> dict[str, Any]:
    """Probabilities and truth [n, m], and what is given, if not simply what is more likely than not -> figures."""
    likely = scores >= LIKELY
    bins = metrics.reliability(scores[likely], truth[likely], 10)
    best = _best(scores, truth)
    return {
        **_rates(scores >= THRESHOLD if given is None else given, truth),
        "best_f1": best["f1"],
        "best_threshold": best["threshold"],
        "map": metrics.mean_average_precision(scores.T, truth.T),
        "ece": metrics.expected_calibration_error(scores[likely], truth[likely], 10) if likely.any() else 0.0,
        "reliability": [{"confidence": mean, "accuracy": share, "pairs": size} for mean, share, size in bins],
    }


def _rates(given: Flags, truth: Flags) -> dict[str, Any]:
    right = int((given & truth).sum())
    precision, recall = right / max(int(given.sum()), 1), right / max(int(truth.sum()), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"precision": precision, "recall": recall, "f1": f1}


def _best(scores: Floats, truth: Flags) -> dict[str, Any]:
    """The rates at the best one threshold, in hindsight."""
    steps = np.quantile(scores, 1 - np.geomspace(1e-4, 0.3, 60))
    tried = [_rates(scores >= step, truth) | {"threshold": float(step)} for step in steps]
    return max(tried, key=lambda rates: float(rates["f1"]))


def _raw(scores: Floats, counted: Any, truth: Flags) -> dict[str, Any]:
    best = _best(scores[:, counted], truth[:, counted])
    return best | {"map": metrics.mean_average_precision(scores[:, counted].T, truth[:, counted].T)}


def _of_captions(items: Sequence[Item], everyday: Everyday) -> tuple[Vocabulary, Flags]:
    columns = {one.id: place for place, one in enumerate(everyday)}
    shown = np.zeros((len(items), len(columns)), np.bool_)
    for row, item in enumerate(items):
        for caption in item.captions:
            for one in concepts_named(caption.text, everyday):
                shown[row, columns[one.id]] = True
    vocabulary = everyday_vocabulary(everyday)
    shown = closed(shown, everyday)
    return vocabulary, np.pad(shown, ((0, 0), (0, len(vocabulary) - shown.shape[1])))


def _of_labels(items: Sequence[Item], everyday: Everyday) -> tuple[Vocabulary, Flags]:
    labels = sorted({label for item in items for label in item.labels})
    known = named_concepts(labels, everyday)
    own = {label: Concept(own_id(label), (key_of(label),)) for label in labels if label not in known}
    whole = everyday_vocabulary(everyday)
    more = [one for one in own.values() if one.id not in whole.graph]
    vocabulary = Vocabulary((*whole.concepts, *more), ConceptGraph([*whole.graph, *more]))
    columns = {one.id: place for place, one in enumerate(vocabulary.concepts)}
    shown = np.zeros((len(items), len(columns)), np.bool_)
    named: Mapping[str, Concept] = known | own
    for row, item in enumerate(items):
        for label in item.labels:
            shown[row, columns[named[label].id]] = True
    return vocabulary, shown


def _plainer(
    scorer: Scorer, encoder: Encoder, vectors: Floats, features: Floats | None, everyday: Everyday
) -> dict[str, Flags]:
    """What the plainer ways give, by their names."""
    raw = vectors @ scorer.names.T
    ways = {f"nearest {k}": _top(raw, k) for k in (1, 3, 5, 10)}
    itself = unwrapped(encoder)
    if features is None or not isinstance(itself, HeadedEncoder):
        return ways
    shares = itself.class_probabilities(features)
    if shares is None:
        return ways
    places = {one.id: place for place, one in enumerate(scorer.vocabulary.concepts)}
    columns = [places[id] for id in everyday.classes]
    for k in (1, 3, 5):
        marks = np.zeros(raw.shape, np.bool_)
        marks[:, columns] = _top(shares, k)
        ways[f"head {k}"] = marks
    return ways


def _top(scores: Floats, k: int) -> Flags:
    marks = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(marks, np.argsort(-scores, axis=1, kind="stable")[:, :k], True, axis=1)
    return marks
