"""The concepts that ship: some thousand everyday things that pictures show, chosen from WordNet's nouns.

One line each: id, how usual its name is (Zipf scale: 3 is once in a million words), the class of ImageNet-1k that it
is (or nothing), ids of its parents, its names. Names and kinds are WordNet 3.0's: see README.md beside the file.
"""

from functools import cached_property
from pathlib import Path

from search.knowledge.graph import Concept, ConceptGraph

FILE = Path(__file__).parent / "everyday.tsv"


class Everyday(ConceptGraph):
    """The shipped graph, which knows besides what a classifier of ImageNet-1k can tell apart."""

    def __init__(self, path: Path = FILE) -> None:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        by_usage = sorted(rows, key=lambda row: -float(row[1]))
        senses: dict[str, dict[str, None]] = {}
        for place in (slice(0, 1), slice(1, None)):  # a concept's own name before what others are called too
            for row in by_usage:
                for name in row[4].split("|")[place]:
                    senses.setdefault(" ".join(name.casefold().split()), {})[row[0]] = None
        super().__init__(
            [Concept(row[0], tuple(row[4].split("|")), tuple(row[3].split())) for row in rows],
            {name: tuple(ids) for name, ids in senses.items()},
        )
        self._classes = {int(row[2]): row[0] for row in rows if row[2]}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The concept of each of the 1000 classes, in the classifier's order."""
        return tuple(self._classes[number] for number in range(len(self._classes)))
