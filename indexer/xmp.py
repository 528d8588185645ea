"""XMP packets (ISO 16684-1), embedded in pictures or in .xmp sidecar files."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from indexer import facts
from indexer.facts import Facts

MAX_PACKET = 4 * 2**20

PIXLOOM = "urn:pixloom:xmp:1.0:"
"""Namespace of the properties in which Pixloom notes what it wrote itself."""
_NAMESPACES = {
    "pixloom": PIXLOOM,
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
_OTHER_DATES = ("photoshop:DateCreated", "exif:DateTimeDigitized", "xmp:CreateDate")


def read_xmp(data: bytes) -> Facts:
    """What an XMP packet says; empty for one that is broken, too large or unsafe. Never raises."""
    if len(data) > MAX_PACKET:
        return Facts()
    root = _parse(data)
    if root is None:
        return Facts()
    values = _properties(root)

    def text(name: str, limit: int = facts.MAX_LINE) -> str | None:
        return next((kept for value in values.get(name, ()) if (kept := facts.clean(value, limit))), None)

    made = (facts.date(text(name)) for name in _OTHER_DATES)
    latitude, longitude = facts.place(_degrees(text("exif:GPSLatitude")), _degrees(text("exif:GPSLongitude")))
    return Facts(
        captured_at=facts.date(text("exif:DateTimeOriginal")),
        made_at=next((when for when in made if when), None),
        camera=facts.camera(text("tiff:Make"), text("tiff:Model")),
        lens=text("exifEX:LensModel") or text("aux:Lens"),
        latitude=latitude,
        longitude=longitude,
        rating=facts.rating(text("xmp:Rating")),
        title=text("dc:title") or text("photoshop:Headline"),
        description=text("dc:description", facts.MAX_TEXT),
        keywords=facts.keywords(_without(values.get("dc:subject", []), values.get("pixloom:subject", []))),
    )


def _without(subjects: list[str], own: list[str]) -> list[str]:
    """Keywords but those that Pixloom wrote: its own tags must not come back as what somebody else said."""
    return [subject for subject in subjects if subject not in own]


def _parse(data: bytes) -> ElementTree.Element | None:
    """The packet's tree. XMP has no document type: a packet with one is an attack on the parser."""
    start = data.find(b"<")
    if start < 0 or b"\0" in data[start : start + 4]:  # UTF-16 or UTF-32 would hide a DTD
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError:
            return None
        start = 0
    if re.search(rb"<!(DOCTYPE|ENTITY)", data, re.IGNORECASE):
        return None
    body = re.sub(rb"^\s*<\?xml\s.*?\?>", b"", data[max(start, 0) :].rstrip(b"\0 \t\r\n"), count=1, flags=re.DOTALL)
    try:
        return ElementTree.fromstring(body.decode("utf-8", "replace"))
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None


def _properties(root: ElementTree.Element) -> dict[str, list[str]]:
    """Property -> its values: attribute, text, or the items of a bag, sequence or language list."""
    names = {uri: prefix for prefix, uri in _NAMESPACES.items()}
    values: dict[str, list[str]] = {}

    def short(tag: str) -> str:
        uri, _, local = tag.rpartition("}")
        return f"{names.get(uri[1:], '?')}:{local}"

    for description in root.iter(f"{{{_NAMESPACES['rdf']}}}Description"):
        for tag, value in description.attrib.items():
            values.setdefault(short(tag), []).append(value)
        for element in description:
            values.setdefault(short(element.tag), []).extend(_items(element))
    return values


def _items(element: ElementTree.Element) -> Iterator[str]:
    """Texts of a property; of alternatives by language, the default one first."""
    items = list(element.iter(f"{{{_NAMESPACES['rdf']}}}li"))
    items.sort(key=lambda item: item.get(f"{{{_NAMESPACES['xml']}}}lang") != "x-default")
    for item in items or [element]:
        yield item.text or ""


def _degrees(text: str | None) -> float | None:
    """'59,54.85N' or '59,54,51N' (XMP's GPSCoordinate) or a plain signed number -> signed degrees."""
    match = re.fullmatch(r"([0-9.,]+)\s*([NSEW])", text or "")
    if not match:
        return facts.real(text)
    parts = [facts.real(part) for part in match[1].split(",")]
    if len(parts) > 3 or any(part is None for part in parts):
        return None
    size = sum((part or 0.0) / 60.0**power for power, part in enumerate(parts))
    return -size if match[2] in "SW" else size
