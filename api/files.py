"""Files that a user asked to be written: whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from indexer.errors import UsageError


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file to write to, line ends as given, which takes the place of `path` when the block ends well.
    UsageError where it can't be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}.") from error
