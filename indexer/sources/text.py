"""Text files of any usual encoding, with a sentence where they are of none."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from indexer.errors import NotFoundError, UsageError
from indexer.sources.problems import Kind, Problems

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 2**20
_REMEDY = "save it as UTF-8, or name its encoding with --encoding"


@contextmanager
def open_text(path: Path, problems: Problems, asked: str | None = None) -> Iterator[TextIO]:
    """The file for reading lines, in the encoding `asked` for, else UTF-8 or UTF-16 or UTF-32, else
    Windows-1252, which is a problem to be listed: it can't be told from others of its kind.

    Raises NotFoundError where it can't be read, UsageError where it is no text of such an encoding, here
    or while it is read.
    """
    try:
        encoding = _named(asked) if asked else encoding_of(path)
        if encoding == "cp1252":
            problems.add(Kind.FILE, path.name, f"isn't UTF-8, read as Windows-1252: if letters are wrong, {_REMEDY}")
        with path.open(encoding=encoding, newline="") as file:
            yield file
    except UnicodeError as error:
        raise UsageError(f"{path} isn't text in {asked or 'UTF-8 or UTF-16'} ({_said(error)}): {_REMEDY}.") from error
    except OSError as error:
        raise NotFoundError(f"{path} can't be read: {error.strerror or error}.") from error


def encoding_of(path: Path) -> str:
    """The encoding of a text file by its mark, its zero bytes, and what decodes.

    UnicodeDecodeError, from the attempt as UTF-8, where it is of none of those that can be told.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name
        if b"\0" in head:
            # Latin letters in UTF-16 have a zero as their first byte, or as their second.
            return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"
        try:
            return _check(file, "utf-8")
        except UnicodeDecodeError as error:
            with suppress(UnicodeDecodeError):
                return _check(file, "cp1252")
            raise error


def _check(file: BinaryIO, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    while block := file.read(_BLOCK):
        decoder.decode(block)
    decoder.decode(b"", True)
    return encoding


def _named(asked: str) -> str:
    try:
        "".encode(asked)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"There is no text encoding {asked!r}: write utf-8, utf-16, cp1252, shift_jis or so."
        ) from error
    return asked


def _said(error: UnicodeError) -> str:
    return str(error.reason) if isinstance(error, UnicodeDecodeError) else str(error)
