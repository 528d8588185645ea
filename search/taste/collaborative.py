"""Collaborative models by name: what people liked goes in, what each would like next comes out."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from indexer.types import Floats
from search.taste.blended import Blended, Weighting
from search.taste.ease import Ease
from search.taste.factors import als, bpr
from search.taste.histories import Histories
from search.taste.neighbours import ItemNeighbours, Popularity

Parameters = dict[str, Any]


class Model(Protocol):
    """A model that has learned from histories."""

    def scores(self, histories: Histories) -> Floats:
        """[people, items] for the histories that it learned from; higher is likelier to be liked next."""


@dataclass(frozen=True, slots=True)
class Contender:
    """How a model learns, and the parameters to choose from by held-out data."""

    fit: Callable[..., Model]
    grid: tuple[Parameters, ...]


class PlainEase:
    """EASE as published: every like counts the same."""

    def __init__(self, histories: Histories, ridge: float = 200.0) -> None:
        self._ease = Ease(histories.liked, ridge)

    def scores(self, histories: Histories) -> Floats:
        """[q, items] for histories [q, items]."""
        return self._ease.scores(histories.recalled()).astype(np.float32)


def _blended(histories: Histories, **weighting: Any) -> Blended:
    return Blended(histories, Weighting(**weighting))


def _grid(**values: tuple[Any, ...]) -> tuple[Parameters, ...]:
    """All combinations."""
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))


MODELS = {
    "popularity": Contender(Popularity, ({},)),
    "item-knn": Contender(ItemNeighbours, _grid(neighbours=(20, 50, 100, 200, 400, 1000), shrinkage=(0.0, 10.0, 50.0))),
    "als": Contender(
        als, _grid(factors=(64, 128), regularization=(0.01, 3.0, 10.0), alpha=(1.0, 5.0, 20.0), iterations=(10, 20))
    ),
    "bpr": Contender(
        bpr, _grid(factors=(32, 64), regularization=(0.003, 0.03), learning_rate=(0.02, 0.1), iterations=(50, 100, 200))
    ),
    "ease": Contender(PlainEase, _grid(ridge=(30.0, 60.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0, 1600.0))),
    "pixloom": Contender(_blended, _grid(ridge=(400.0, 800.0, 1600.0), memory=(5.0, 10.0), share=(0.2, 0.4))),
}
"""Name -> model: two that need no learning, three of the field, and ours."""
