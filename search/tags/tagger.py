"""Automatic tags: what the vocabulary's scores say of each picture."""

from collections.abc import Callable
from pathlib import Path

from indexer.collection import Collection
from indexer.types import OnProgress


class Tagger:
    """Keeps the tags of source `model` up to date."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    def refresh(self, *, on_progress: OnProgress | None = None, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Bring the tags of source `model` up to date with index, vocabulary and models; how many pictures were
        looked at. Cheap when nothing changed."""
        raise NotImplementedError

    def use_vocabulary(self, path: Path | None) -> int:
        """Take a user's own vocabulary from a file (one name a line, or CSV/JSONL with name, parent, translations)
        in place of the built-in one, which None brings back; how many names."""
        raise NotImplementedError
