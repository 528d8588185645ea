"""What a picture's file says of itself: EXIF, IPTC and XMP, read without trusting any of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PIL import Image, ImageFile, IptcImagePlugin
from PIL.ExifTags import GPS, IFD, Base

from indexer import facts
from indexer.facts import Facts
from indexer.types import Metadata
from indexer.xmp import read_xmp as read_xmp

_SAME_FORMAT = {"MPO": "JPEG", "DIB": "BMP"}
_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS, _RATING = 0x9C9B, 0x9C9C, 0x9C9E, 0x4746
_XMP_TAG = 700
_OFFSET_TIME, _OFFSET_ORIGINAL, _OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
# Descriptions that cameras write into every picture.
_FACTORY_TEXT = re.compile(r"(\w+ ){0,2}DIGITAL CAMERA|SONY DSC|SAMSUNG( CSC)?|DCIM", re.IGNORECASE)


def read_metadata(image: Image.Image, size: tuple[int, int]) -> Metadata:
    """Metadata of an opened Pillow image; `size` is the original's width and height as displayed.

    XMP is believed before IPTC, and IPTC before EXIF. Damaged blocks are left out; never raises.
    """
    name = str(image.format or "")
    metadata = Metadata(*size, _SAME_FORMAT.get(name, name))
    for read in (_exif, _iptc, _xmp):
        try:
            metadata = merge(metadata, read(image))
        except Exception:  # Pillow's parsers raise anything on garbage; what came before stays
            continue
    return metadata


def merge(metadata: Metadata, found: Facts) -> Metadata:
    """`metadata` with what `found` knows put over it; the keywords of both are kept."""
    given = found.given()
    made_at = given.pop("made_at", None)
    if made_at and not metadata.captured_at:
        given.setdefault("captured_at", made_at)
    if "keywords" in given:
        given["keywords"] = facts.keywords([*metadata.keywords, *found.keywords])
    return replace(metadata, **given)


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8 of an opened image; 1 where it is missing or makes no sense."""
    try:
        value = exif_of(image).get(Base.Orientation, 1)
    except Exception:  # see read_metadata
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def exif_of(image: Image.Image) -> Image.Exif:
    """The image's EXIF. Raises what Pillow raises on garbage."""
    data = image.info.get("exif")
    if isinstance(data, bytes) and data.startswith(b"Exif\0\0" * 2):
        # Pillow strips these headers one copy at a time: a file full of them would never end.
        del image.info["exif"]
    return image.getexif()


def _exif(image: Image.Image) -> Facts:
    base = exif_of(image)
    exif = _directory(base, IFD.Exif)
    gps = _directory(base, IFD.GPSInfo)
    made = (
        facts.date(exif.get(Base.DateTimeDigitized), exif.get(_OFFSET_DIGITIZED)),
        facts.date(base.get(Base.DateTime), exif.get(_OFFSET_TIME)),
    )
    latitude, longitude = facts.place(
        _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef)),
        _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef)),
    )
    description = _text(base.get(Base.ImageDescription), facts.MAX_TEXT)
    if description and _FACTORY_TEXT.fullmatch(description):
        description = None
    return Facts(
        captured_at=facts.date(exif.get(Base.DateTimeOriginal), exif.get(_OFFSET_ORIGINAL)),
        made_at=next((when for when in made if when), None),
        camera=facts.camera(_text(base.get(Base.Make)), _text(base.get(Base.Model))),
        lens=_text(exif.get(Base.LensModel)),
        latitude=latitude,
        longitude=longitude,
        rating=facts.rating(base.get(_RATING)),
        title=facts.clean(_windows(base.get(_XP_TITLE))),
        description=description or facts.clean(_windows(base.get(_XP_COMMENT)), facts.MAX_TEXT),
        keywords=facts.keywords((_windows(base.get(_XP_KEYWORDS)) or "").split(";")),
    )


def _directory(exif: Image.Exif, which: IFD) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except Exception:  # see read_metadata
        return {}


def _text(value: Any, limit: int = facts.MAX_LINE) -> str | None:
    """A text tag. EXIF means ASCII, cameras and programs write UTF-8, Pillow reads Latin-1."""
    return facts.clean(value.encode("latin-1", "replace") if isinstance(value, str) else value, limit)


def _degrees(parts: Any, reference: Any) -> float | None:
    """Degrees, minutes, seconds and N, S, E or W -> signed degrees."""
    if not isinstance(parts, tuple) or not 1 <= len(parts) <= 3:
        return None
    numbers = [facts.real(part) for part in parts]
    if any(number is None or number < 0 for number in numbers):
        return None
    size = sum((number or 0.0) / 60.0**power for power, number in enumerate(numbers))
    return -size if (facts.clean(reference) or "").upper() in {"S", "W"} else size


def _windows(value: Any) -> str | None:
    """Texts that Windows writes: UTF-16 in a tag of bytes."""
    if isinstance(value, tuple):
        value = bytes(value)
    return value.decode("utf-16-le", "ignore").rstrip("\0") if isinstance(value, bytes) else None


def _iptc(image: Image.Image) -> Facts:
    found = (IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile.ImageFile) else None) or {}

    def texts(record: int) -> list[Any]:
        value = found.get((2, record), [])
        return value if isinstance(value, list) else [value]

    def text(record: int, limit: int = facts.MAX_LINE) -> str | None:
        return next((kept for value in texts(record) if (kept := facts.clean(value, limit))), None)

    day, time = text(55) or "", text(60) or ""
    return Facts(
        made_at=facts.date(f"{day} {time}"),
        title=text(5) or text(105),
        description=text(120, facts.MAX_TEXT),
        keywords=facts.keywords(texts(25)),
    )


def _xmp(image: Image.Image) -> Facts:
    packet = xmp_of(image)
    return read_xmp(packet) if packet is not None else Facts()


def xmp_of(image: Image.Image) -> bytes | None:
    """The image's XMP packet, unread. Raises what Pillow raises on garbage."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    packet = packet or exif_of(image).get(_XMP_TAG)
    if isinstance(packet, tuple):
        packet = bytes(packet)
    if isinstance(packet, str):
        packet = packet.encode()
    return packet if isinstance(packet, bytes) else None
