"""Another order of what matches a query than by its scores, such as one person's."""

from typing import Protocol

from indexer.types import Hits
from search.cutoff import Background
from search.snapshot import Snapshot


class Ranking(Protocol):
    """What a search can be given to rank by; see search.taste.personal."""

    def depth(self, k: int) -> int:
        """How many of the best to take for a page of k."""

    def ranked(self, snapshot: Snapshot, hits: Hits, background: Background) -> Hits:
        """The hits in their order, or some of them, with their own scores."""
