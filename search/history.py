"""The user's recent queries: what a new model is compared on."""

import json
from contextlib import suppress

from indexer.config import Settings
from indexer.reader import write_atomically
from search.query import PictureId, Query, Text

LAST = 200
"""Distinct queries that are kept."""
_LINE = 400
"""Bytes above which a query isn't kept."""
_FILE = 32 * 1024
"""Bytes above which the file is cut down to half of that."""


class History:
    """A small file in the home folder, one query a line, the newest at the end.

    It is a convenience: whatever is wrong with it is silent and costs a search nothing. Only queries of words and
    of pictures in the collection are kept, as the lines they are written as; never a picture or a path.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / "recent.jsonl"

    def add(self, query: Query) -> None:
        """Keep a query that was answered."""
        if not query.terms or not all(isinstance(term.subject, Text | PictureId) for term in query.terms):
            return
        line = _line(str(query))
        if len(line) > _LINE:
            return
        with suppress(OSError, ValueError):
            with self._path.open("ab", buffering=0) as file:
                file.write(line)
                size = file.tell()
            if size > _FILE:
                self._shorten()

    def recent(self, most: int = LAST) -> list[str]:
        """The last distinct queries, newest first; what can't be read counts as none."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        found: dict[str, None] = {}
        for line in reversed(lines):
            with suppress(ValueError, RecursionError):
                query = json.loads(line)
                if isinstance(query, str):
                    found.setdefault(query)
            if len(found) == min(most, LAST):
                break
        return list(found)

    def _shorten(self) -> None:
        """Keep the newest; what another process adds at this very moment may be lost."""
        kept: list[bytes] = []
        room = _FILE // 2
        for query in self.recent():
            line = _line(query)
            room -= len(line)
            if room < 0:
                break
            kept.insert(0, line)
        write_atomically(self._path, b"".join(kept))


def _line(query: str) -> bytes:
    return json.dumps(query, ensure_ascii=False).encode() + b"\n"
