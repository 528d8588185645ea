"""Pictures and captions as training reads them: features and text embeddings in memory, a part of them held out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from indexer.encoders.headed import Towers
from indexer.limits import Limits
from indexer.meter import Meter
from indexer.types import Floats, Ids, OnProgress
from tuner.learn.data import Pair, Pairs, require_enough
from tuner.learn.features import Features

MOST_HELD_OUT = 1000
_TEXTS = 512


@dataclass(frozen=True)
class TrainingSet:
    """n pictures with m captions, those of a picture side by side."""

    features: Any
    """float16 [views, n, f], mapped from disk; the first view is the plain one."""
    captions: list[str]
    owner: Ids
    """The picture of each caption [m], ascending."""
    embeddings: Floats
    """[m, t], by the text tower as it is before training."""
    training: Ids
    """Places of the pictures to train on."""
    held_out: Ids
    """Places of the others, by which the best epoch is told."""

    @cached_property
    def texts(self) -> Ids:
        """Captions by number [m]: the same number means the same words."""
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(text.lower(), len(numbers)) for text in self.captions], np.int64)

    @cached_property
    def _starts(self) -> Ids:
        return np.searchsorted(self.owner, np.arange(self.features.shape[1] + 1))

    def rows_of(self, places: Ids) -> Ids:
        """Rows of all captions of these pictures, in their order."""
        return np.concatenate([np.arange(self._starts[place], self._starts[place + 1]) for place in places])

    def random_rows(self, places: Ids, rng: np.random.Generator) -> Ids:
        """The row of one caption of each of these pictures."""
        return rng.integers(self._starts[places], self._starts[places + 1])


def gather(
    pairs: Pairs,
    towers: Towers,
    views: tuple[str, ...],
    *,
    holdout: float,
    seed: int,
    cache: Path,
    limits: Limits,
    on_progress: OnProgress,
    should_stop: Callable[[], bool],
) -> tuple[TrainingSet, dict[str, str]] | None:
    """The training set, and path -> reason of the pictures that can't be read; None where `should_stop` said so.

    Features are kept in `cache`. Raises UsageError where too few pictures can be read.
    """
    found = Features(cache, pairs, towers, views)
    features = found.compute(limits, on_progress, should_stop)
    if features is None:
        return None
    good = [place for place in range(len(pairs.pairs)) if place not in found.failed]
    readable = [pairs.pairs[place] for place in good]
    require_enough(Pairs(readable, {**pairs.left_out, "that can't be read": len(found.failed)}))
    if found.failed:
        features = features[:, good]
    captions = [text for pair in readable for text in pair.captions]
    owner = np.repeat(np.arange(len(readable)), [len(pair.captions) for pair in readable])
    embeddings = _embed(captions, towers, on_progress)
    training, held_out = _split(readable, holdout, seed)
    reasons = {str(pairs.pairs[place].path): reason for place, reason in found.failed.items()}
    return TrainingSet(features, captions, owner, embeddings, training, held_out), reasons


def _embed(captions: list[str], towers: Towers, on_progress: OnProgress) -> Floats:
    embeddings = np.empty((len(captions), towers.text_dimension), np.float32)
    meter = Meter("captions", len(captions), on_progress)
    for start in range(0, len(captions), _TEXTS):
        part = captions[start : start + _TEXTS]
        embeddings[start : start + len(part)] = towers.embed(part)
        meter.step(len(part))
    return embeddings


def _split(pairs: list[Pair], holdout: float, seed: int) -> tuple[Ids, Ids]:
    """Places to train on and places held out, by chance."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    held = max(8, min(MOST_HELD_OUT, round(holdout * len(pairs))))
    return np.sort(order[held:]), np.sort(order[:held])
