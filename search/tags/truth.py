"""What is right of tags, by people's captions and labels."""

from collections.abc import Iterable

import numpy as np

from search.knowledge.graph import Concept, ConceptGraph
from search.tags.nouns import concepts_named


def closed(shown: np.ndarray, graph: ConceptGraph) -> np.ndarray:
    """Pictures by the graph's concepts, bool [n, m] in its order: what shows a concept shows all it is a kind of."""
    columns = {one.id: column for column, one in enumerate(graph)}
    full = shown.copy()
    for one in graph:
        above = [columns[id] for id in graph.ancestors(one.id)]
        if above:
            full[:, above] |= shown[:, columns[one.id], None]
    return full


def named_concepts(labels: Iterable[str], graph: ConceptGraph) -> dict[str, Concept]:
    """Labels -> the concepts that they name as a whole; without those that name none, or one that another does."""
    found: dict[str, Concept] = {}
    for label in labels:
        named = concepts_named(label.replace("_", " "), graph)
        if len(named) == 1 and named[0] not in found.values():
            found[label] = named[0]
    return found
