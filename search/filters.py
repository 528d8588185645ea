"""Filters of the query language: what a picture must have, or must not, whatever its score.

filter = ["-"] field (":" | "<" | ">") value       without spaces
value  = word | '"' words '"'
"""

import re
from dataclasses import dataclass
from typing import Any

from indexer.errors import UsageError
from search.syntax import check_text, error_at, quoted, read_quoted
from search.tags.rows import key_of

FIELDS = ("tag", "is", "edit-of")
"""Those that can be asked for."""
KINDS = ("edit", "generated")
"""What `is:` asks for: pictures that an operation made, and those of them that a generating model made or had a part
in."""
_LATER = "after|before|folder|camera|width|height|type|text|near|rating|colour|size"
_ID = re.compile(r"#?(\d{1,10})")
STARTS = rf"(?:{'|'.join(FIELDS)}|{_LATER})[:<>]\S"
"""Pattern of how a filter begins, its minus aside."""
_HEAD = re.compile(rf"(-?)({'|'.join(FIELDS)}|{_LATER})([:<>])(?=\S)")
_WORD = re.compile(r'[^\s"]+')
_PLAIN = re.compile(r"#?[\w.-]+")


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition: `field` compared by `op` (':', '<' or '>') with `value`; `negative` asks for the others."""

    field: str
    value: str
    negative: bool = False
    op: str = ":"

    def __post_init__(self) -> None:
        """UsageError where there is no such field, comparison or value."""
        if self.field not in FIELDS:
            known = f"filters such as {self.field}{self.op} are not supported yet" if self.field else "it has no field"
            raise UsageError(f"The filter can't be used: {known}. Valid: {', '.join(FIELDS)}.")
        if self.op != ":":
            raise UsageError(f"{self.field} is compared by {self.field}:VALUE, not by {self.op!r}.")
        check_text(self.value)
        if self.field == "tag":
            key_of(self.value)
        elif self.field == "is" and self.value not in KINDS:
            raise UsageError(f"No picture is ever {self.value!r}. Valid: {', '.join(KINDS)}.")
        elif self.field == "edit-of" and not _ID.fullmatch(self.value):
            raise UsageError(f"edit-of asks for the id of a picture, such as edit-of:#12, not {self.value!r}.")

    @property
    def id(self) -> int:
        """The picture that `edit-of` names."""
        return int(self.value.lstrip("#"))

    def __str__(self) -> str:
        """As it is written."""
        value = self.value if _PLAIN.fullmatch(self.value) else quoted(self.value)
        return f"{'-' if self.negative else ''}{self.field}{self.op}{value}"


def read_filter(line: str, at: int, *, negative: bool = False) -> tuple[Filter, int] | None:
    """The filter that begins at a place of a line, and the place after it; None where none begins there.

    `negative` where a minus stands before it, apart. UsageError, pointing at the character, for one that can't be used.
    """
    found = _HEAD.match(line, at)
    if not found:
        return None
    minus, field, op = found.groups()
    start = found.end()
    if field not in FIELDS:
        raise error_at(line, at, f"filters such as {minus + field + op!r} are not supported yet")
    if line[start] == '"':
        value, end = read_quoted(line, start)
    else:
        word = _WORD.match(line, start)
        assert word is not None, "something that is neither a space nor a quotation mark stands there"
        value, end = word.group(), word.end()
    try:
        return Filter(field, value, negative != bool(minus), op), end
    except UsageError as error:
        raise error_at(line, start, str(error).rstrip(".")) from error


def filter_from_json(tree: Any) -> Filter:
    """The Filter of `{"field": "tag", "value": "indoor", "not": false, "op": ":"}`; UsageError."""
    match tree:
        case {"field": str(field), "value": str(value)}:
            negative, op = tree.get("not", False), tree.get("op", ":")
            if isinstance(negative, bool) and isinstance(op, str):
                return Filter(field, value.strip(), negative, op)
    raise UsageError(f'The filter {tree!r} is not {{"field": "tag", "value": "...", "not": false}}.')


def filter_to_json(one: Filter) -> dict[str, Any]:
    """The tree that `filter_from_json` reads."""
    return {"field": one.field, "op": one.op, "value": one.value, "not": one.negative}
