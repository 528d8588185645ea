"""Names in other languages from bilingual dictionaries in dictd's format, such as Debian's `dict-freedict-eng-deu`."""

import gzip
import re
import string
from collections.abc import Iterable
from pathlib import Path

from indexer.errors import NotFoundError, UsageError
from search.tags.rows import key_of

FOLDER = Path("/usr/share/dictd")
CODES = {
    "af": "afr", "ar": "ara", "cs": "ces", "cy": "cym", "da": "dan", "de": "deu", "el": "ell", "es": "spa", "fr": "fra",
    "ga": "gle", "hi": "hin", "hr": "hrv", "hu": "hun", "it": "ita", "la": "lat", "lt": "lit", "nl": "nld", "pl": "pol",
    "pt": "por", "ru": "rus", "sr": "srp", "sv": "swe", "sw": "swh", "tr": "tur",
}  # fmt: skip
"""Language tag -> the code that FreeDict's files are named by."""
_BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_DIGITS = {letter: value for value, letter in enumerate(_BASE64)}
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>|/[^/\n]*/|\{[^{}]*\}")
_NUMBER = re.compile(r"^\s*(?:\d+\.|[-*•])\s*")


def read_dictionary(words: Iterable[str], language: str, folder: Path = FOLDER) -> dict[str, str]:
    """English words -> the first translation of each that the dictionary of that language has.

    Raises UsageError for a language that no dictionary is known of, NotFoundError where its files aren't here.
    """
    if language not in CODES:
        raise UsageError(f"No dictionary is known for {language!r}: one of {', '.join(sorted(CODES))}.")
    name = f"freedict-eng-{CODES[language]}"
    index, packed = folder / f"{name}.index", folder / f"{name}.dict.dz"
    if not (index.is_file() and packed.is_file()):
        raise NotFoundError(f"{packed} isn't there: install Debian's package dict-{name}.")
    places = _places(index)
    data = gzip.decompress(packed.read_bytes())
    found = {}
    for word in words:
        # Of several entries of a word, the longest is about its most usual meaning.
        for start, length in sorted(places.get(key_of(word), ()), key=lambda place: -place[1]):
            translation = _first(data[start : start + length].decode("utf-8", "replace"))
            if translation:
                found[word] = translation
                break
    return found


def _places(index: Path) -> dict[str, list[tuple[int, int]]]:
    places: dict[str, list[tuple[int, int]]] = {}
    for line in index.read_text(encoding="utf-8", errors="replace").splitlines():
        word, _, rest = line.partition("\t")
        start, _, length = rest.partition("\t")
        if word.strip() and length:
            places.setdefault(key_of(word[:256]), []).append((_decode(start), _decode(length.split("\t")[0])))
    return places


def _decode(number: str) -> int:
    value = 0
    for letter in number:
        value = value * 64 + _DIGITS.get(letter, 0)
    return value


def _first(entry: str) -> str | None:
    """The first translation of an entry, whose first line is the headword."""
    for line in entry.splitlines()[1:]:
        text = _NUMBER.sub("", _ASIDE.sub("", line)).strip()
        choice = re.split(r"[,;]", text)[0].strip()
        if choice and len(choice) <= 60 and not choice.endswith(":"):
            return choice
    return None
