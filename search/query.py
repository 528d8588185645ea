"""The query language: one line or JSON, parsed once into a Query that every way in hands to the engine.

    query  = part { ["+" | "-"] part }
    part   = term | filter                              filters are in search/filters.py
    term   = [weight "*"] ( words | '"' words '"' | "#" id [box] | file [box] )
    box    = "[" x "," y "," w "," h "]"        pixels of the upright picture

A minus is a term with a negative weight.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import UsageError
from indexer.images import is_picture_name
from search.filters import STARTS, Filter, filter_from_json, filter_to_json, read_filter
from search.syntax import check_text, error_at, quoted, read_quoted, skip_space

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

_HEAVIEST = 1e6
_DIGITS = 100
_WEIGHT = re.compile(r"(\d+(?:\.\d+)?)\*")
_ID = re.compile(r"#(\d+)(?![\w#])")
_BOX = re.compile(r"\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]")
_FILE = re.compile(r"(?:\.{0,2}/|~/|[A-Za-z]:[\\/])(?:\\.|[^\s\[\\])+")
_NAME = re.compile(r"[^\s\[\"]+")
_NEXT = re.compile(rf'\s+(?=[+-]|\d+(?:\.\d+)?\*|#\d|"|\.{{0,2}}/|~/|{STARTS})')


@dataclass(frozen=True, slots=True)
class Text:
    """Something said in words."""

    text: str


@dataclass(frozen=True, slots=True)
class PictureId:
    """A picture of the collection, or a part of it."""

    id: int
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file, or a part of it; it need not be in the collection."""

    path: Path
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """A picture that came with the request; `name` is what the user calls it."""

    data: bytes
    name: str = "picture"
    box: Box | None = None


Subject = Text | PictureId | PictureFile | PictureBytes


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query; a negative weight pushes away what is like it."""

    subject: Subject
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """Terms that are summed, at least one of them with a positive weight, and filters that all must hold. Filters
    without any term list what they allow."""

    terms: tuple[Term, ...]
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        if not self.terms and not self.filters:
            raise UsageError("The query is empty: say in words what to look for, or name a picture (#12, ./a.jpg).")
        if self.terms and all(term.weight <= 0 for term in self.terms):
            raise UsageError("The query only says what to avoid: add what to look for, such as `beach - people`.")

    def __str__(self) -> str:
        """The line that parses to this query."""
        parts = []
        for place, term in enumerate(self.terms):
            sign = "- " if term.weight < 0 else "+ " if place else ""
            weight = abs(term.weight)
            parts.append(sign + ("" if weight == 1 else f"{_number(weight)}*") + _print(term.subject))
        return " ".join([*parts, *map(str, self.filters)])


def parse(line: str) -> Query:
    """The Query of a line; UsageError, pointing at the character, where it can't be read."""
    return Query(*parse_parts(line))


def parse_parts(line: str) -> tuple[tuple[Term, ...], tuple[Filter, ...]]:
    """The terms and filters of a line, maybe none; for a query that has other terms too."""
    check_text(line)
    terms: list[Term] = []
    filters: list[Filter] = []
    at = 0
    while (at := skip_space(line, at)) < len(line):
        sign = 1.0
        if line[at] in "+-":
            sign = -1.0 if line[at] == "-" else 1.0
            at = skip_space(line, at + 1)
        if at == len(line):
            raise error_at(line, at, "a term is missing after the sign")
        if read := read_filter(line, at, negative=sign < 0):
            filters.append(read[0])
            at = read[1]
        else:
            term, at = _term(line, at, sign)
            terms.append(term)
    return tuple(terms), tuple(filters)


def from_json(tree: Any) -> Query:
    """The Query of `{"terms": [{"text" | "picture" | "file": ..., "box": [x, y, w, h], "weight": 1}], "filters":
    [{"field": ..., "value": ..., "not": false}]}`, of which one may be left out."""
    parts = [tree.get(name, []) for name in ("terms", "filters")] if isinstance(tree, dict) else []
    if not parts or not all(isinstance(part, list) for part in parts):
        raise UsageError(
            'A JSON query is {"terms": [...], "filters": [...]} with a text, picture or file in each term.'
        )
    return Query(tuple(map(_json_term, parts[0])), tuple(map(filter_from_json, parts[1])))


def to_json(query: Query) -> dict[str, Any]:
    """The tree that `from_json` reads."""
    terms = []
    for term in query.terms:
        tree: dict[str, Any] = {"weight": term.weight}
        match term.subject:
            case Text(text):
                tree["text"] = text
            case PictureId(id, box):
                tree |= {"picture": id} | ({"box": list(box)} if box else {})
            case PictureFile(path, box):
                tree |= {"file": str(path)} | ({"box": list(box)} if box else {})
            case PictureBytes(_, name, box):
                tree |= {"file": name} | ({"box": list(box)} if box else {})
        terms.append(tree)
    return {"terms": terms, "filters": [filter_to_json(one) for one in query.filters]}


def _term(line: str, at: int, sign: float) -> tuple[Term, int]:
    weight = 1.0
    if found := _WEIGHT.match(line, at):
        weight, at = float(found.group(1)), found.end()
        if not 0 < weight < _HEAVIEST or at == len(line):
            raise error_at(line, at, "a weight must be above 0, below a million, and have a term after it")
    subject, at = _subject(line, at)
    return Term(subject, sign * weight), at


def _subject(line: str, at: int) -> tuple[Subject, int]:
    if found := _ID.match(line, at):
        if len(found.group(1)) > _DIGITS:
            raise error_at(line, at, "no picture has a number this long")
        box, end = _box(line, found.end())
        return PictureId(int(found.group(1)), box), end
    if line[at] == '"':
        text, end = read_quoted(line, at)
        return Text(text), end
    found = _FILE.match(line, at) or _NAME.match(line, at)
    if found and (_FILE.match(line, at) or is_picture_name(found.group())):
        box, end = _box(line, found.end())
        return PictureFile(Path(re.sub(r"\\(.)", r"\1", found.group())), box), end
    found = _NEXT.search(line, at)
    end = found.start() if found else len(line)
    return Text(line[at:end].strip()), end


def _box(line: str, at: int) -> tuple[Box | None, int]:
    if at == len(line) or line[at] != "[":
        return None, at
    found = _BOX.match(line, at)
    if not found or any(len(number) > _DIGITS for number in found.groups()):
        raise error_at(line, at, "a box is [x,y,width,height] in pixels")
    x, y, width, height = (int(number) for number in found.groups())
    if not width or not height:
        raise error_at(line, at, "a box needs a width and a height above 0")
    return (x, y, width, height), found.end()


def _json_term(tree: Any) -> Term:
    if not isinstance(tree, dict):
        raise UsageError(f"A term of a JSON query is an object, not {tree!r}.")
    weight, box = tree.get("weight", 1.0), _json_box(tree.get("box"))
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < abs(weight) < _HEAVIEST:
        raise UsageError(f"The weight {weight!r} is not a number other than 0 (below a million).")
    match tree:
        case {"text": str(text)} if text.strip() and box is None:
            check_text(text)
            return Term(Text(text.strip()), float(weight))
        case {"picture": int(id)} if not isinstance(id, bool):
            return Term(PictureId(id, box), float(weight))
        case {"file": str(path)} if path:
            return Term(PictureFile(Path(path), box), float(weight))
    raise UsageError(f"The term {tree!r} has no text, picture (an id) or file.")


def _json_box(box: Any) -> Box | None:
    if box is None:
        return None
    whole = isinstance(box, Sequence) and len(box) == 4 and all(type(number) is int for number in box)
    if not whole or min(box) < 0 or not box[2] or not box[3]:
        raise UsageError(f"The box {box!r} is not [x, y, width, height] in whole pixels.")
    return (box[0], box[1], box[2], box[3])


def _print(subject: Subject) -> str:
    match subject:
        case Text(text):
            return quoted(text)
        case PictureId(id, box):
            return f"#{id}" + _print_box(box)
        case PictureFile(path, box):
            name = str(path) if _FILE.match(str(path)) else f"./{path}"
            return re.sub(r"([\s\[\\])", r"\\\1", name) + _print_box(box)
        case PictureBytes(_, name, box):
            return _print(PictureFile(Path(name), box))


def _print_box(box: Box | None) -> str:
    return "[" + ",".join(map(str, box)) + "]" if box else ""


def _number(weight: float) -> str:
    return f"{weight:f}".rstrip("0").rstrip(".")
