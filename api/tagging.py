"""A server's tags, kept up to date: at once for what is uploaded, beside what answers for all else."""

import logging
from collections.abc import Sequence
from threading import Event, Thread

from indexer.errors import PixloomError
from search.engine import Engine
from search.tags.tagger import Tagger
from search.tags.upkeep import refresh_tags

_LOG = logging.getLogger(__name__)
EVERY = 2.0
"""Seconds between two looks at whether the collection has changed."""
_PATIENCE = 30.0
"""Seconds that a block of pictures may take when the server ends; a kill would do no harm either."""


class Tagging:
    """Looks after the tags of one collection in a thread of its own. Close it when done."""

    def __init__(self, tagger: Tagger, engine: Engine) -> None:
        self.tagger, self.engine = tagger, engine
        self._closing = Event()
        self._thread = Thread(target=self._watch, name="tags", daemon=True)
        self._thread.start()

    def now(self, pictures: Sequence[int]) -> None:
        """Tag pictures that have just come in."""
        refresh_tags(self.tagger, self.engine, pictures)

    def close(self) -> None:
        """Stop what is under way, and wait for it."""
        self._closing.set()
        self._thread.join(_PATIENCE)

    def _watch(self) -> None:
        done: int | None = None
        while not self._closing.is_set():
            try:
                generation = self.tagger.collection.catalog.state().generation
                if generation != done:
                    refresh_tags(self.tagger, self.engine, should_stop=self._closing.is_set)
                    done = generation
            except PixloomError:  # busy, or damaged: whoever asks is told, and it is tried again
                pass
            except Exception:  # the thread has to go on, whatever it was
                _LOG.exception("The tags could not be brought up to date; it is tried again.")
            self._closing.wait(EVERY)
