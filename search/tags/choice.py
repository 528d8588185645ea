"""Probabilities -> tags: fewer rather than wrong ones, and the kind of a thing where the thing itself is in doubt."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats, Ids
from search.tags.vocabulary import Vocabulary

THRESHOLD = 0.5
"""Probability from which a tag is given, unless the user wants another for it."""
MOST = 20
"""Tags that one picture is given."""


KINDS, CLOSE = 3, 0.3
"""Of one thing, so many kinds are given at most, and none that is less probable than the best by more than this."""


class Choice:
    """Chooses tags of one vocabulary. `thresholds` [m] are probabilities, one for each name; of the `exclusive` names
    [m], those that are kinds of the same thing mostly exclude each other."""

    def __init__(self, vocabulary: Vocabulary, thresholds: Floats, exclusive: NDArray[np.bool_]) -> None:
        self.vocabulary, self.thresholds, self.exclusive = vocabulary, thresholds, exclusive

    @cached_property
    def _places(self) -> dict[str, int]:
        return {one.id: place for place, one in enumerate(self.vocabulary.concepts)}

    @cached_property
    def _kinds(self) -> list[tuple[int, Ids]]:
        """(name, all names that are kinds of it), the most general last."""
        kinds = []
        for id, place in self._places.items():
            below = [self._places[one] for one in self.vocabulary.graph.descendants(id) if one in self._places]
            if below:
                kinds.append((place, np.array(below, np.int64)))
        return sorted(kinds, key=lambda kind: len(kind[1]))

    @cached_property
    def _siblings(self) -> list[Ids]:
        """The exclusive names right below each thing that has several."""
        below: dict[str, list[int]] = {}
        for place, one in enumerate(self.vocabulary.concepts):
            if self.exclusive[place] and one.parents:
                below.setdefault(one.parents[0], []).append(place)
        return [np.array(places, np.int64) for places in below.values() if len(places) > 1]

    def raised(self, probabilities: Floats) -> Floats:
        """[n, m] with each at least as high as those of its kinds, in place. Those of names that don't exclude each
        other stay: a probe knows better by itself."""
        for place, below in self._kinds:
            if not self.exclusive[place]:
                continue
            np.maximum(probabilities[:, place], probabilities[:, below].max(axis=1), out=probabilities[:, place])
        return probabilities

    def given(self, probabilities: Floats, doubtful: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """[n, m], raised -> which names are given: those that reach their thresholds and aren't doubtful, of the kinds
        of one thing only the best few, and no name that another given one is a kind of."""
        given: NDArray[np.bool_] = probabilities >= self.thresholds
        if doubtful is not None:
            given &= ~doubtful
        for places in self._siblings:
            several = np.flatnonzero(given[:, places].sum(axis=1) > 1)
            if len(several):
                given[np.ix_(several, places)] &= _best(probabilities[np.ix_(several, places)])
        for place, below in self._kinds:
            given[:, place] &= ~given[:, below].any(axis=1)
        return given

    def __call__(
        self, probabilities: Floats, doubtful: NDArray[np.bool_] | None = None
    ) -> list[list[tuple[int, float]]]:
        """[n, m], changed in place -> for each picture (name, probability) of those given, best first."""
        chosen = []
        for row, marks in zip(probabilities, self.given(self.raised(probabilities), doubtful), strict=True):
            places = np.flatnonzero(marks)
            best = places[np.argsort(-row[places], kind="stable")][:MOST]
            chosen.append([(int(place), float(row[place])) for place in best])
        return chosen


def _best(siblings: Floats) -> NDArray[np.bool_]:
    """[n, s] -> those of each row that may stand together."""
    best: NDArray[np.bool_] = siblings >= siblings.max(axis=1, keepdims=True) - CLOSE
    if siblings.shape[1] > KINDS:
        others = np.argsort(-siblings, axis=1, kind="stable")[:, KINDS:]
        np.put_along_axis(best, others, False, axis=1)
    return best
