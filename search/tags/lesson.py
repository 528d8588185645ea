"""What a snapshot's vectors say of a tag: its labels and name turned into a probe, and the probe into pictures."""

import hashlib
import json
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats, Ids
from search.snapshot import Snapshot
from search.tags.labels import Labels
from search.tags.names import Tag
from search.tags.odds import Odds
from search.tags.probe import Doubles, Probe, train
from search.tags.useful import most_useful

THRESHOLD = 0.6
"""Probability from which a picture gets a taught tag, unless the user set another: rather none than a wrong one."""
_TOP = 1000
"""Best rows whose scores are all known; the sample stands for those below."""
_CANDIDATES = 300
"""Best rows among which the next to label are looked for."""
BEST, NEXT = 10, 8
_MOST = 1000
"""Latest labels of a kind that are trained on; older ones still hold for their pictures."""
_VERSION = 1
"""Of the method: probes of another are trained anew."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A tag as it was learned from one snapshot."""

    probe: Probe
    odds: Odds
    threshold: float
    """Probability from which pictures get it."""
    tagged: dict[int, float]
    """Picture -> probability, to two places; labelled ones aside."""
    precision: float | None
    """Expected share of right ones among those of `tagged` that can be found: the mean of their probabilities, which
    come from scores of labels that were left out of the training, and of the collection. None where there are none."""
    best: tuple[tuple[int, float], ...]
    """The likeliest pictures that nobody labelled, with their probabilities."""
    next: tuple[int, ...]
    """The pictures to label next, most useful first."""


def recipe(snapshot: Snapshot, tag: Tag, labels: Labels, found: Container[int]) -> str:
    """A digest of all that a probe depends on, the collection at large aside; `found` holds the labelled pictures that
    can be found."""
    index = snapshot.index
    said = sorted((id, positive, id in found) for id, positive in labels.items())
    whole = [_VERSION, index.id, str(index.created_at), index.fingerprint, tag.name, tag.threshold, said]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def labelled_rows(snapshot: Snapshot, pictures: Collection[int]) -> dict[int, int]:
    """Picture -> row, for those of some pictures that can be found."""
    if not pictures:
        return {}
    rows = np.flatnonzero(np.isin(snapshot.ids, np.fromiter(pictures, np.int64, len(pictures))))
    return {int(snapshot.ids[row]): int(row) for row in _living(snapshot, rows)}


def learn(snapshot: Snapshot, tag: Tag, labels: Labels, name: Floats) -> Lesson:
    """Train on labels whose pictures can be found, `name` being the vector [d] of the tag's name, and score the
    collection: one search, and only where very many pictures get the tag a product with all vectors."""
    rows = labelled_rows(snapshot, labels)
    yes, no = (_latest(labels, rows, said) for said in (True, False))
    trained = train(snapshot.vectors[yes], snapshot.vectors[no], name, snapshot.sample)
    top, least = _top(snapshot, trained.probe)
    scores = trained.probe.scores(snapshot.vectors[top])
    free = np.isin(top, _living(snapshot, top)) & ~np.isin(top, list(rows.values()))
    low = _below(snapshot, trained.probe, len(top), least)
    counts = np.concatenate([np.ones(int(free.sum())), np.full(len(low), _each(snapshot, len(top), len(low)))])
    odds = Odds.of(np.concatenate([scores[free], low]), counts, trained.yes, trained.no)
    threshold = THRESHOLD if tag.threshold is None else tag.threshold
    given, chances = top[:0], scores[:0].astype(np.float64)
    if len(yes):
        given, chances = _given(snapshot, trained.probe, odds, threshold, top, scores, least)
    labelled = np.isin(snapshot.ids[given], np.fromiter(labels, np.int64, len(labels)))
    counted = ~labelled & np.isin(given, _living(snapshot, given))
    tagged = {
        int(snapshot.ids[r]): round(float(p), 2) for r, p in zip(given[~labelled], chances[~labelled], strict=True)
    }
    best, useful = _proposals(snapshot, odds, top[free], scores[free], NEXT if len(yes) else 0)
    precision = round(float(chances[counted].mean()), 3) if counted.any() else None
    return Lesson(trained.probe, odds, threshold, tagged, precision, best, useful)


def _latest(labels: Labels, rows: Mapping[int, int], said: bool) -> Ids:
    """Rows to train on; `labels` are in the order in which they were given."""
    return np.array([rows[id] for id, positive in labels.items() if positive == said and id in rows][-_MOST:], np.int64)


def chances_of(snapshot: Snapshot, probe: Probe, odds: Odds, threshold: float, since: int) -> dict[int, float]:
    """Picture -> probability of rows from `since` on that get the tag."""
    chances = odds.probabilities(probe.scores(snapshot.vectors[since:]))
    rows = np.flatnonzero(chances >= threshold)
    return {int(snapshot.ids[since + row]): round(float(chances[row]), 2) for row in rows}


def _top(snapshot: Snapshot, probe: Probe) -> tuple[Ids, float]:
    """The best rows, dead ones too, and the score that no other row exceeds; -inf where there is no other."""
    norm = max(float(np.linalg.norm(probe.weights)), 1e-12)
    hits = snapshot.store.search((probe.weights / norm)[np.newaxis], _TOP)[0]
    if len(hits.rows) == len(snapshot.ids):
        return hits.rows, -np.inf
    return hits.rows, float(hits.scores[-1] + snapshot.store.error) * norm + probe.bias


def _below(snapshot: Snapshot, probe: Probe, top: int, least: float) -> Doubles:
    """Scores of the sample that lie below the best rows."""
    scores = probe.scores(snapshot.sample).astype(np.float64)
    return scores[scores < least] if top < len(snapshot.ids) else scores[:0]


def _each(snapshot: Snapshot, top: int, low: int) -> float:
    return (len(snapshot.ids) - top) / max(low, 1)


def _given(
    snapshot: Snapshot, probe: Probe, odds: Odds, threshold: float, top: Ids, scores: Floats, least: float
) -> tuple[Ids, Doubles]:
    """Rows that have the tag by the probe, and their probabilities."""
    rows = top
    if odds.score_at(threshold) <= least:  # others than the best rows may have it
        rows, scores = np.arange(len(snapshot.ids)), probe.scores(snapshot.vectors)
    chances = odds.probabilities(scores)
    return rows[chances >= threshold], chances[chances >= threshold]


def _proposals(
    snapshot: Snapshot, odds: Odds, rows: Ids, scores: Floats, unsure: int
) -> tuple[tuple[tuple[int, float], ...], tuple[int, ...]]:
    """The best, and the next to label: so many `unsure` ones, or just the likeliest until there is a yes, for which
    anything else would be a waste of clicks."""
    order = np.argsort(-scores, kind="stable")[:_CANDIDATES]
    rows, chances = rows[order], odds.probabilities(scores[order])
    ids = snapshot.ids[rows]
    best = tuple((int(id), round(float(p), 3)) for id, p in zip(ids[:BEST], chances[:BEST], strict=True))
    places = most_useful(chances, snapshot.vectors[rows], unsure) if unsure else np.arange(min(NEXT, len(ids)))
    return best, tuple(int(id) for id in ids[places])


def _living(snapshot: Snapshot, rows: Ids) -> Ids:
    return rows if snapshot.alive is None else rows[np.isin(rows, snapshot.alive)]
