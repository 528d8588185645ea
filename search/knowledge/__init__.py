"""What things are called and what they are kinds of."""

from collections.abc import Callable

from indexer.errors import UsageError
from search.knowledge.everyday import Everyday
from search.knowledge.graph import Concept as Concept
from search.knowledge.graph import ConceptGraph
from search.knowledge.wn_library import read_wn
from search.knowledge.wordnet import read_wordnet

LOADERS: dict[str, Callable[[], ConceptGraph]] = {"everyday": Everyday, "wordnet": read_wordnet, "wn": read_wn}
"""Name -> what makes the graph: the concepts that ship, WordNet's own files, the `wn` library's data."""


def load_graph(name: str = "everyday") -> ConceptGraph:
    """The concept graph of that name. Raises UsageError for an unknown name, and what the loader raises."""
    if name not in LOADERS:
        raise UsageError(f"There is no concept graph {name!r}: one of {', '.join(LOADERS)}.")
    return LOADERS[name]()
