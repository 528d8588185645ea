"""What the parts of the query language share: spaces, quoted strings, and errors that point at their place."""

import re

from indexer.errors import UsageError

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def skip_space(line: str, at: int) -> int:
    """The place of the next character that is no space."""
    while at < len(line) and line[at].isspace():
        at += 1
    return at


def read_quoted(line: str, at: int) -> tuple[str, int]:
    """The text of the quoted string that begins at `at`, and the place after it; UsageError where it is none."""
    found = _QUOTED.match(line, at)
    if not found:
        raise error_at(line, at, "this quotation mark is never closed")
    text = re.sub(r"\\(.)", r"\1", found.group(1), flags=re.DOTALL).strip()
    if not text:
        raise error_at(line, at, "there is nothing between the quotation marks")
    return text, found.end()


def quoted(text: str) -> str:
    """The quoted string that reads as this text."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def check_text(text: str) -> None:
    """UsageError for what is no text: half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"Character {error.start + 1} of the query is half of a surrogate pair: it is no text."
        ) from error


def error_at(line: str, at: int, what: str) -> UsageError:
    """The error that shows a line and what is wrong at a place in it."""
    return UsageError(f"The query can't be read at character {at + 1}: {what}.\n  {line}\n  {' ' * at}^")
