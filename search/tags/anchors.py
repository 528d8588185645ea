"""Where the concept graph hangs on a classifier: the classes that speak for each concept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats, Ids
from search.knowledge.everyday import Everyday
from search.knowledge.graph import Concept, ConceptGraph

WIDEST = 60
"""Classes below an ancestor, from which on it says nothing of its kinds any more."""


@dataclass(frozen=True)
class Anchors:
    """For n concepts: the one, itself or the nearest above it, that has classes at or below it, if any."""

    matrix: Floats
    """[1000, a]: 1 where a class is one of an anchor's."""
    of: Ids
    """[n]: the column of each concept's anchor, -1 where it has none."""
    own: np.ndarray
    """[n], bool: the anchor is the concept itself."""
    siblings: Floats
    """[n]: how many concepts hang on the same anchor without being it."""


def anchors_of(concepts: Sequence[Concept], graph: ConceptGraph, everyday: Everyday) -> Anchors:
    """The anchors of concepts, which `graph` relates to each other and, by shared ids, to the everyday ones."""
    below = _classes_below(everyday)
    columns: dict[str, int] = {}
    of, own = [], []
    for one in concepts:
        place = next((id for id in _upwards(one, graph, everyday) if 0 < len(below.get(id, ())) < WIDEST), None)
        of.append(-1 if place is None else columns.setdefault(place, len(columns)))
        own.append(place == one.id)
    matrix = np.zeros((len(everyday.classes), len(columns)), np.float32)
    for id, column in columns.items():
        matrix[list(below[id]), column] = 1
    # Counted over the everyday concepts, so that a short vocabulary of the user's has the same probabilities.
    hanging: dict[str, int] = {}
    for one in everyday:
        place = next((id for id in (one.id, *everyday.ancestors(one.id)) if 0 < len(below.get(id, ())) < WIDEST), None)
        if place is not None and place != one.id:
            hanging[place] = hanging.get(place, 0) + 1
    counts = [hanging.get(id, 0) for id in columns]
    siblings = np.array([max(counts[column], 1) if column >= 0 else 1 for column in of], np.float32)
    return Anchors(matrix, np.array(of, np.int64), np.array(own, bool), siblings)


def _classes_below(everyday: Everyday) -> dict[str, list[int]]:
    below: dict[str, list[int]] = {}
    for number, id in enumerate(everyday.classes):
        for one in (id, *everyday.ancestors(id)):
            below.setdefault(one, []).append(number)
    return below


def _upwards(one: Concept, graph: ConceptGraph, everyday: Everyday) -> list[str]:
    """The concept and all above it, the nearest first, through the user's graph and on through the everyday one."""
    above = [one.id, *(graph.ancestors(one.id) if one.id in graph else one.parents)]
    if one.id in everyday:
        above += everyday.ancestors(one.id)
    return list(
        dict.fromkeys([*above, *(far for near in above if near in everyday for far in everyday.ancestors(near))])
    )
