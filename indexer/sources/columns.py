"""What the columns of a table mean: told by their names, or by whether their values name pictures."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indexer.errors import UsageError
from indexer.facts import clean
from indexer.sources.items import Attribute
from indexer.sources.pictures import Pictures
from indexer.sources.source import Columns

IMAGE = (
    *("image", "imagepath", "imagefile", "imagefilename", "imagename", "filename", "filepath", "file", "path"),
    *("picture", "picturepath", "photo", "photopath", "img", "imgpath", "imgname", "imagefilepath", "thumbnail"),
)
_WEAK_IMAGE = ("imageid", "imgid", "photoid", "id", "key", "name", "imageurl", "imgurl", "url", "link")
"""Taken for names of pictures only where some value is one."""
_CAPTION = re.compile(r"(?:caption|sentence|description|title|comment|alttext)s?\d*|text|alt|productdisplayname")
_LABEL = re.compile(r"(?:label|class|tag|keyword)(?:s|es|name|names)?\d*|\w*(?:category|categories)\d*")
_SPLIT = ("split", "subset", "partition")
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d{0,14}|(?=\.))(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?")
_BOOLS = {"true": True, "yes": True, "false": False, "no": False}
_LARGEST_WHOLE = 2**53
_MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Roles:
    """Places of columns, by what they hold."""

    image: int
    captions: tuple[int, ...]
    labels: tuple[int, ...]
    split: int | None
    attributes: tuple[int, ...]


def roles(header: Sequence[str], rows: Sequence[Sequence[Any]], pictures: Pictures, asked: Columns, file: str) -> Roles:
    """Roles of the columns in `header`, with the first `rows` to try them on. Every column has one.

    Raises UsageError, with the columns there are, where none names the pictures or one that is asked for is missing.
    """
    plain = [re.sub(r"[\W_]+", "", name.casefold()) for name in header]
    image = _place(asked.image, header, file) if asked.image else _image(plain, header, rows, pictures, file)
    captions = [_place(name, header, file) for name in asked.captions]
    labels = [_place(name, header, file) for name in asked.labels]
    taken = {image, *captions, *labels}
    if not asked.captions:
        captions = [place for place, name in enumerate(plain) if place not in taken and _CAPTION.fullmatch(name)]
    if not asked.labels:
        labels = [place for place, name in enumerate(plain) if place not in taken and _LABEL.fullmatch(name)]
    taken |= {*captions, *labels}
    split = next((plain.index(name) for name in _SPLIT if name in plain and plain.index(name) not in taken), None)
    rest = tuple(place for place in range(len(header)) if place not in taken and place != split)
    return Roles(image, tuple(captions), tuple(labels), split, rest)


def _place(name: str, header: Sequence[str], file: str) -> int:
    if name in header:
        return header.index(name)
    raise UsageError(f"{file} has no column {name!r}: its columns are {_listed(header)}.")


def _image(
    plain: list[str], header: Sequence[str], rows: Sequence[Sequence[Any]], pictures: Pictures, file: str
) -> int:
    strong = [plain.index(name) for name in IMAGE if name in plain]
    for place in [*strong, *(plain.index(name) for name in _WEAK_IMAGE if name in plain)]:
        names = (picture_name(row[place]) for row in rows)
        if any(name and pictures.has(name) for name in names):
            return place
    if strong:
        return strong[0]
    raise UsageError(
        f"{file} has no column that names pictures in {pictures.folder}: its columns are {_listed(header)}. "
        "Choose one with --column-image, or the folder of the pictures with --images."
    )


def _listed(header: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in header[:50]) + (" and more" if len(header) > 50 else "")


def distinct(header: Sequence[str]) -> list[str]:
    """Names of columns without control characters, each once: a second `note` is `note 2`, none `column 3`."""
    found: dict[str, None] = {}
    for place, given in enumerate(header, 1):
        name = base = clean(given) or f"column {place}"
        number = 2
        while name in found:
            name, number = f"{base} {number}", number + 1
        found[name] = None
    return list(found)


def picture_name(value: Any) -> str:
    """The name of a picture in a cell, '' where there is none; a Parquet picture may be a record with its `path`."""
    if isinstance(value, dict):
        value = value.get("path")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def texts(value: Any) -> list[str]:
    """Texts of a cell, or of a list in it."""
    values = value if isinstance(value, list) else [value]
    found = (clean(str(one) if isinstance(one, int) else one, _MAX_TEXT) for one in values)
    return [text for text in found if text]


def names(value: Any) -> list[str]:
    """Labels of a cell: a list, or text in which `|` or `;` divides several."""
    found = (one for text in texts(value) for one in (re.split(r"[|;]", text) if isinstance(value, str) else [text]))
    return [name for one in found if (name := clean(one))]


class Kinds:
    """Which types the values of columns have: numbers, bools or text, by all of their values."""

    def __init__(self) -> None:
        self.number: set[int] = set()
        self.text: set[int] = set()
        self.flag: set[int] = set()

    def see(self, place: int, value: Any) -> None:
        """Take a value into account."""
        if isinstance(value, str):
            fits = self.number if _NUMBER.fullmatch(value) else self.flag if value.casefold() in _BOOLS else self.text
            fits.add(place)

    def typed(self, place: int, value: Any) -> Attribute | None:
        """A value as its column's type; None where it says nothing, or nothing that can be kept."""
        if isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return float(value) if abs(value) <= _LARGEST_WHOLE else str(value) if math.isfinite(value) else None
        if not isinstance(value, str):
            return None
        if place in self.text or (place in self.number and place in self.flag):
            return clean(value, _MAX_TEXT)
        return _BOOLS[value.casefold()] if place in self.flag else float(value)
