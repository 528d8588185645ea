"""A trial of collaborative models on ratings: each with the parameters that suit a part held out, judged by another."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import UsageError
from indexer.types import Floats, OnProgress, Progress
from search import metrics
from search.taste.collaborative import MODELS, Contender, Parameters
from search.taste.histories import Histories, Likes, newest_held_out, share_held_out
from search.taste.ratings import Ratings, read_ratings

SEED = 0
LARGEST = 60_000_000
"""Scores that are held at once, of all items for all people: 2 GB where a model needs them in double precision."""
_SHARE = 0.2
"""Of each person's likes that are held out to choose parameters by, where no time is known."""
_BLOCK = 512
"""People whose scores are compared at once."""


@dataclass(frozen=True, slots=True)
class Split:
    """Histories to learn from, and what of the same people is held out."""

    train: Histories
    held: Histories

    @property
    def judged(self) -> Any:
        """The people [n] who have a history to learn from and something held out."""
        has, lacks = (np.diff(part.amounts.indptr) > 0 for part in (self.train, self.held))
        return np.flatnonzero(has & lacks)


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the people judged, in 0..1, and the standard errors of these means."""

    recall: float
    recall_error: float
    ndcg: float
    ndcg_error: float

    @property
    def both(self) -> float:
        """What parameters are chosen by."""
        return self.recall + self.ndcg

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        named = {"recall": "recall@20", "ndcg": "ndcg@10", "recall_error": "recall_error", "ndcg_error": "ndcg_error"}
        return {named[name]: round(value, 5) for name, value in asdict(self).items()}


def evaluate_ratings(
    path: Path,
    on_progress: OnProgress = lambda _: None,
    models: dict[str, Contender] = MODELS,
) -> dict[str, Any]:
    """recall@20 and nDCG@10 of all models on one data set, ranking all items that a person is not known to like.

    What is held out: the part that the data themselves name for tests, else each person's newest like. Parameters are
    chosen on another part, held out of the rest in the same way (by lot where no time is known), by the sum of both
    figures, and the model learns again from all but the test. Raises what `read_ratings` raises, and UsageError where
    nothing can be held out.
    """
    data = read_ratings(path)
    if math.prod(data.likes.shape) > LARGEST:
        raise UsageError(
            f"{path} has {data.likes.shape[0]} people and {data.likes.shape[1]} items, whose product may be at most "
            f"{LARGEST} here: take a part of the people."
        )
    choosing, judging, how = _splits(data)
    if not len(choosing.judged) or not len(judging.judged):
        raise UsageError(f"{path} leaves nothing to hold out: it needs people who like three items or more.")
    progress = Progress("train", 0, sum(len(contender.grid) + 1 for contender in models.values()))

    def step() -> None:
        progress.done += 1
        on_progress(progress)

    rows = [_try(name, contender, choosing, judging, step) for name, contender in models.items()]
    return {
        "data": data.name,
        "people": data.likes.shape[0],
        "items": data.likes.shape[1],
        "likes": len(data.likes),
        "held_out": {
            "how": how,
            "test": int(judging.held.amounts.nnz),
            "test_people": len(judging.judged),
            "validation": int(choosing.held.amounts.nnz),
            "validation_people": len(choosing.judged),
        },
        "seed": SEED,
        "models": rows,
        "failed": [],
        "problems": data.problems.as_dict(),
    }


def _splits(data: Ratings) -> tuple[Split, Split, str]:
    """The split to choose parameters by, that to judge by, and how that was made, in words."""
    likes = data.likes
    if data.test is not None:
        test, how = data.test, "the test part of the data; to choose parameters, a fifth of each person's rest by lot"
    elif likes.times is not None:
        test, how = newest_held_out(likes), "each person's newest like; to choose parameters, the one before it"
    else:
        test, how = share_held_out(likes, _SHARE, SEED), "a fifth of each person's likes by lot, twice"
    rest = likes.of(~test)
    by_time = data.test is None and likes.times is not None
    validation = newest_held_out(rest) if by_time else share_held_out(rest, _SHARE, SEED + 1)
    return _split(rest, validation), _split(likes, test), how


def _split(likes: Likes, held: Any) -> Split:
    return Split(Histories.of(likes.of(~held)), Histories.of(likes.of(held)))


def _try(name: str, contender: Contender, choosing: Split, judging: Split, step: Callable[[], None]) -> dict[str, Any]:
    best: tuple[Figures, Parameters] | None = None
    for parameters in contender.grid:
        figures = _judge(contender, parameters, choosing)[0]
        step()
        if best is None or figures.both > best[0].both:
            best = figures, parameters
    assert best is not None, "every model has parameters to try"
    figures, fit, score = _judge(contender, best[1], judging)
    step()
    return {
        "name": name,
        **figures.as_dict(),
        "validation": best[0].as_dict(),
        "parameters": best[1],
        "tried": len(contender.grid),
        "train_seconds": round(fit, 3),
        "ms_per_person": round(score * 1000 / len(judging.judged), 3),
    }


def _judge(contender: Contender, parameters: Parameters, split: Split) -> tuple[Figures, float, float]:
    """Figures, seconds to learn, seconds to score everybody."""
    started = time.perf_counter()
    model = contender.fit(split.train, **parameters)
    learned = time.perf_counter()
    scores = model.scores(split.train)
    scored = time.perf_counter()
    return figures_of(scores, split), learned - started, scored - learned


def figures_of(scores: Floats, split: Split) -> Figures:
    """Figures of scores [people, items]; what the history holds already is not ranked."""
    recall, ndcg = [], []
    judged = split.judged
    for start in range(0, len(judged), _BLOCK):
        some = judged[start : start + _BLOCK]
        left = np.where(split.train.amounts[some].toarray() > 0, -np.inf, scores[some]).astype(np.float32)
        wanted = split.held.amounts[some].toarray() > 0
        recall.append(metrics.shares_found(left, wanted, 20))
        ndcg.append(metrics.ndcg_at_k(left, wanted, 10))
    both = np.concatenate(recall), np.concatenate(ndcg)
    (r, r_error), (n, n_error) = ((float(x.mean()), float(x.std() / np.sqrt(len(x)))) for x in both)
    return Figures(r, r_error, n, n_error)
