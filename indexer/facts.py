"""What EXIF, IPTC and XMP can say about a picture, and the cleaning that all three need."""

import math
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MAX_LINE = 500
MAX_TEXT = 10_000
MAX_KEYWORDS = 200

# Control characters but tab and new line, directions that turn the text around them, lone surrogates.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
_FIRST_YEAR = 1826  # the oldest photograph that is kept
_DATE = re.compile(
    r"\s*(\d{4})[:\-./]?(\d\d)[:\-./]?(\d\d)"
    r"(?:[T\s]+(\d\d):?(\d\d)(?::?(\d\d)(?:\.\d*)?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?\s*$"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Fields of `indexer.types.Metadata` that a block of metadata may hold; None where it doesn't.

    `made_at` is a date less sure than `captured_at`: of scanning, export, or without a time of day.
    """

    captured_at: datetime | None = None
    made_at: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    title: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()

    def given(self) -> dict[str, Any]:
        """The fields that are known, by name."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value not in (None, ())}


def clean(value: object, limit: int = MAX_LINE) -> str | None:
    """Any value -> text without control characters, stripped, at most `limit` characters; None if empty.

    Bytes are read as UTF-8, or as Latin-1 where they aren't.
    """
    if isinstance(value, bytes):
        value = _decode(value[: limit * 4])
    if not isinstance(value, str):
        return None
    value = value[: limit * 4].split("\0", 1)[0]
    return _UNWANTED.sub(" ", value).strip()[:limit].strip() or None


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def keywords(values: list[Any]) -> tuple[str, ...]:
    """Texts -> distinct clean keywords in their order."""
    texts = (clean(value, 200) for value in values[: MAX_KEYWORDS * 5])
    return tuple(dict.fromkeys(text for text in texts if text))[:MAX_KEYWORDS]


def date(value: object, offset: object = None) -> datetime | None:
    """'2023:05:06 07:08:09' or ISO 8601, with the zone given in it or in `offset` ('+02:00').

    None for what can't be a capture date: unreadable, before 1826, in the future.
    """
    match = _DATE.match(clean(value) or "")
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        when = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=_zone(match[7] or clean(offset)))
    except ValueError:
        return None
    latest = datetime.now(UTC) + timedelta(days=1)
    in_utc = when if when.tzinfo else when.replace(tzinfo=UTC)
    return when if year >= _FIRST_YEAR and in_utc <= latest else None


def _zone(text: str | None) -> timezone | None:
    if text == "Z":
        return UTC
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text or "")
    if not match:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes > 14 * 60:
        return None
    return timezone(timedelta(minutes=minutes if match[1] == "+" else -minutes))


def rating(value: object) -> int | None:
    """Stars 0..5, or None; -1 (rejected) and other numbers are no stars."""
    number = real(value)
    return int(number) if number is not None and 0 <= number <= 5 else None


def real(value: object) -> float | None:
    """A finite number, or None."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def place(latitude: float | None, longitude: float | None) -> tuple[float, float] | tuple[None, None]:
    """Degrees within -90..90 and -180..180; (0, 0) means that the receiver had no fix."""
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None, None
    return latitude, longitude


def camera(make: str | None, model: str | None) -> str | None:
    """'NIKON CORPORATION', 'NIKON D70' -> 'NIKON D70'; 'Canon', 'EOS R5' -> 'Canon EOS R5'."""
    if not make or not model:
        return model or make
    if model.split()[0].casefold() in make.casefold().split():
        return model
    return f"{make} {model}"[:MAX_LINE]
