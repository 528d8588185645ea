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
    What is no file of its own, such as /dev/stdout, is written to as it is. UsageError where it can't be written."""
    if path.exists() and not path.is_file():
        with _refused(path), path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    path = path.resolve()  # what a link leads to, not the link
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with _refused(path):
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}.") from error
