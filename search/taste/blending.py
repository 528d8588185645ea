"""How much others should count beside content: what the likes say that are held out, newest of each person first."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats, Ids
from search import metrics
from search.taste.blended import Blended
from search.taste.ease import LARGEST, Doubles
from search.taste.histories import Histories, Likes, newest_held_out

LEAST_JUDGED = 20
"""People with something held out below whom nothing can be told: content alone is followed."""
LEAST_LIKES = 3
"""Likes that somebody needs to be judged by."""
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
_JUDGED, _CANDIDATES, _NEWEST = 200, 2000, 20
"""People who are judged, pictures that a held-out one must be told from, likes that content is compared with: at
most."""

_BLOCK = 32
"""People whose scores of all items are held at once."""


@dataclass(frozen=True, slots=True)
class Blend:
    """`weight` in 0..1 of others beside content, and the mean of recall@20 and nDCG@10 by which it was chosen: of
    content alone, of others alone, and blended; None where too few people could be judged."""

    weight: float = 0.0
    people: int = 0
    content: float | None = None
    others: float | None = None
    blended: float | None = None


def blend_weight(
    likes: Likes, pictures: Ids, everything: Ids, vectors: Callable[[Ids], Floats], largest: int = LARGEST
) -> Blend:
    """The weight under which the newest like of each person, held out, ranks best among a sample of pictures.

    `pictures` [items] are those of `likes`, `everything` [n] those that could be recommended, and `vectors` gives the
    unit-norm vectors of some of them. 0 unless the gain over content alone is more than its standard error; the same
    every time.
    """
    held = newest_held_out(likes, least=LEAST_LIKES)
    judged = likes.users[held]
    if len(judged) < LEAST_JUDGED:
        return Blend(people=len(judged))
    lot = np.random.default_rng(0)
    some = np.sort(lot.permutation(len(judged))[:_JUDGED])
    judged, wanted = judged[some], likes.items[held][some]
    rest = Histories.of(likes.of(~held))
    candidates = _candidates(lot, pictures[wanted], everything)
    places = np.minimum(np.searchsorted(pictures, candidates), len(pictures) - 1)
    known = pictures[places] == candidates
    seen = rest.amounts[judged][:, places].toarray() * known > 0
    model = Blended(rest, largest=largest)
    blocks = (judged[start : start + _BLOCK] for start in range(0, len(judged), _BLOCK))
    told = np.concatenate([model.scores(_some(rest, block))[:, places] for block in blocks]) * known
    by_others, by_content = _scaled(told), _scaled(_content(rest, judged, pictures, vectors, vectors(candidates)))
    relevant = candidates == pictures[wanted][:, np.newaxis]
    quality = {w: _quality((1 - w) * by_content + w * by_others, seen, relevant) for w in WEIGHTS}
    best = max(WEIGHTS, key=lambda weight: float(quality[weight].mean()))
    gain = quality[best] - quality[0.0]
    if gain.mean() <= gain.std() / np.sqrt(len(gain)):
        best = 0.0
    means = [round(float(quality[weight].mean()), 5) for weight in (0.0, 1.0, best)]
    return Blend(best, len(judged), *means)


def _candidates(lot: np.random.Generator, wanted: Ids, everything: Ids) -> Ids:
    """The wanted pictures among others by lot, ascending."""
    some = lot.permutation(everything)[:_CANDIDATES]
    return np.unique(np.concatenate([wanted, some]))


def _some(histories: Histories, people: Ids) -> Histories:
    ages = histories.ages
    return Histories(histories.amounts[people], None if ages is None else ages[people])


def _content(
    rest: Histories, people: Ids, pictures: Ids, vectors: Callable[[Ids], Floats], candidates: Floats
) -> Doubles:
    """The cosine [people, candidates] of each with the most alike of a person's newest likes."""
    assert rest.ages is not None, "signals have an order"
    rows = []
    for person in people:
        ages = rest.ages[person]
        newest = ages.indices[np.argsort(ages.data)[:_NEWEST]]
        rows.append((candidates @ vectors(pictures[newest]).T).max(axis=1))
    return np.array(rows, np.float64)


def _scaled(scores: NDArray[np.floating]) -> Doubles:
    """Each row above 0 and at most 1: what is below the average is 0, as recommendations leave it out."""
    above = np.maximum(scores - np.maximum(scores.mean(axis=1, keepdims=True), 0), 0).astype(np.float64)
    return np.asarray(above / np.maximum(above.max(axis=1, keepdims=True), 1e-12))


def _quality(scores: Doubles, seen: NDArray[np.bool_], relevant: NDArray[np.bool_]) -> Doubles:
    left = np.where(seen, -np.inf, scores).astype(np.float32)
    return (metrics.shares_found(left, relevant, 20) + metrics.ndcg_at_k(left, relevant, 10)) / 2
