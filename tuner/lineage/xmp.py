"""What an outcome says of itself in XMP: how it came to be, and the recipe (ISO 16684-1, IPTC Photo Metadata 2023.2).

It is merged into the packet of the source. Everything there stays but what would now be wrong: the digital source
type, what it is derived from, its instance, orientation and size, and thumbnails.
"""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from indexer.errors import PictureError, UsageError
from indexer.images import load, read_with
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.metadata import xmp_of
from indexer.packet import EMPTY, RDF, parse_packet, print_packet
from indexer.xmp import PIXLOOM
from tuner.lineage.recipe import Recipe
from tuner.operation import Source

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""How the URIs of IPTC's digital source types begin."""
_XMP, _MM = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xap/1.0/mm/"
_REF, _EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceRef#", "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_PREFIXES = {
    "xmp": _XMP,
    "xmpMM": _MM,
    "stRef": _REF,
    "stEvt": _EVENT,
    "Iptc4xmpExt": _IPTC,
    "pixloom": PIXLOOM,
}
_DESCRIPTION, _SEQ, _LI = f"{{{RDF}}}Description", f"{{{RDF}}}Seq", f"{{{RDF}}}li"
_SOURCE_TYPE, _RECIPE = f"{{{_IPTC}}}DigitalSourceType", f"{{{PIXLOOM}}}recipe"
_HISTORY, _DERIVED = f"{{{_MM}}}History", f"{{{_MM}}}DerivedFrom"
_INSTANCE, _DOCUMENT, _TOOL = f"{{{_MM}}}InstanceID", f"{{{_MM}}}DocumentID", f"{{{_XMP}}}CreatorTool"
_WIDTHS = (f"{{{_TIFF}}}ImageWidth", f"{{{_EXIF}}}PixelXDimension")
_HEIGHTS = (f"{{{_TIFF}}}ImageLength", f"{{{_EXIF}}}PixelYDimension")
_MADE, _PARTLY_MADE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
_SAYS_MORE = {_MADE, _PARTLY_MADE, "algorithmicMedia", "compositeSynthetic", "compositeCapture", "composite"}
"""What a picture stays when it is merely enhanced."""


def stamped(packet: bytes | None, recipe: Recipe, source: Source, size: tuple[int, int]) -> bytes:
    """The packet of a source, or None, with how its outcome of `size` (width, height) was made.

    ValueError for a packet that can't be read; the caller decides whether to go on without it.
    """
    try:
        tree = parse_packet(EMPTY if packet is None else packet)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    before = _value(tree, _SOURCE_TYPE)
    document, instance = _value(tree, _DOCUMENT), _value(tree, _INSTANCE)
    _put(tree, _SOURCE_TYPE, SOURCE_TYPES + combined(before, source))
    _put(tree, _RECIPE, json.dumps(recipe.to_dict(), separators=(",", ":")))
    if _value(tree, _TOOL) is None:  # the first tool that is known, says its definition
        _put(tree, _TOOL, recipe.software)
    _put(tree, f"{{{_XMP}}}ModifyDate", recipe.created_at)
    _put(tree, f"{{{_XMP}}}MetadataDate", recipe.created_at)
    new = f"xmp.iid:{uuid.uuid4()}"
    _put(tree, _INSTANCE, new)
    if recipe.parent is not None:
        _derive(tree, document, instance or f"urn:blake2b:{recipe.parent}")
    _put(tree, _DOCUMENT, f"xmp.did:{uuid.uuid4()}")
    _note(tree, recipe, new)
    _correct(tree, size)
    return print_packet(tree)


def combined(before: str | None, now: Source) -> str:
    """The digital source type of what was made by `now` out of a picture of type `before`: URIs or bare names.

    Enhancing a generated picture leaves it generated; put together with others it is partly so.
    """
    old = (before or "").rstrip("/").rpartition("/")[2]
    if now == "algorithmicallyEnhanced" and old in _SAYS_MORE:
        return old
    if now == "compositeCapture" and old in {_MADE, _PARTLY_MADE}:
        return _PARTLY_MADE
    return now


def read_recipe(path: Path, limits: Limits = DEFAULT_LIMITS) -> Recipe | None:
    """The recipe that a file carries; None where it carries none, or one that can't be read. PictureError."""
    return recipe_of(read_packet(path, limits))


def recipe_of(packet: bytes | None) -> Recipe | None:
    """The same of a packet."""
    try:
        text = _value(parse_packet(packet), _RECIPE) if packet else None
        return None if text is None else Recipe.from_dict(json.loads(text))
    except (ValueError, etree.XMLSyntaxError, AttributeError, TypeError, RecursionError, UsageError):
        return None


def source_type(packet: bytes | None) -> str | None:
    """The IPTC digital source type that a packet tells, by its bare name; None where it tells none or can't be read."""
    try:
        value = _value(parse_packet(packet), _SOURCE_TYPE) if packet else None
    except (ValueError, etree.XMLSyntaxError):
        return None
    return value.rstrip("/").rpartition("/")[2] if value else None


def read_packet(source: Path | bytes, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """The XMP packet inside a picture. PictureError for one that can't be read."""

    def plain(image: Any, data: bytes) -> bytes | None:
        if image.format == "PNG":  # it may stand behind the pixels
            load(image, data, limits)
        return xmp_of(image)

    try:
        return read_with(source, limits, raw=lambda _: None, plain=plain)
    except PictureError:
        raise
    except Exception:  # Pillow's parsers raise anything on garbage
        return None


def properties(packet: bytes) -> Iterator[tuple[str, str]]:
    """Name ({namespace}name) and text of each property of the packet itself; of arrays, each item."""
    try:
        tree = parse_packet(packet)
    except (ValueError, etree.XMLSyntaxError):
        return
    for description in _top(tree):
        yield from description.attrib.items()
        for element in description:
            if not isinstance(element.tag, str):
                continue
            items = list(element.iter(_LI)) or [element]
            for item in items:
                yield element.tag, (item.text or "").strip() or item.get(f"{{{RDF}}}resource", "")


def _top(tree: Any) -> list[Any]:
    """Descriptions of the picture, not those inside structures."""
    found = [one for rdf in tree.iter(f"{{{RDF}}}RDF") for one in rdf if one.tag == _DESCRIPTION]
    return found or [next(tree.iter(_DESCRIPTION))]


def _value(tree: Any, name: str) -> str | None:
    for description in _top(tree):
        if name in description.attrib:
            return str(description.attrib[name])
        element = description.find(name)
        if element is not None:
            text = (element.text or "").strip() or element.get(f"{{{RDF}}}resource")
            return text or next((item.text for item in element.iter(_LI)), None)
    return None


def _drop(tree: Any, name: str) -> bool:
    """Take a property out wherever it stands; whether there was one."""
    there = False
    for description in _top(tree):
        there |= description.attrib.pop(name, None) is not None
        for element in description.findall(name):
            description.remove(element)
            there = True
    return there


def _add(tree: Any, name: str) -> Any:
    namespace = name[1:].split("}")[0]
    prefixes = {prefix: uri for prefix, uri in _PREFIXES.items() if uri == namespace}
    element = etree.SubElement(_top(tree)[0], name, nsmap=prefixes)
    element.tail = "\n"
    return element


def _put(tree: Any, name: str, text: str) -> None:
    _drop(tree, name)
    _add(tree, name).text = text


def _derive(tree: Any, document: str | None, instance: str) -> None:
    _drop(tree, _DERIVED)
    element = _add(tree, _DERIVED)
    element.set(f"{{{RDF}}}parseType", "Resource")
    etree.SubElement(element, f"{{{_REF}}}instanceID", nsmap={"stRef": _REF}).text = instance
    if document:
        etree.SubElement(element, f"{{{_REF}}}documentID", nsmap={"stRef": _REF}).text = document


def _note(tree: Any, recipe: Recipe, instance: str) -> None:
    """One more event in the history."""
    history = next((found for one in _top(tree) if (found := one.find(_HISTORY)) is not None), None)
    events = None if history is None else history.find(_SEQ)
    if events is None:
        events = etree.SubElement(_add(tree, _HISTORY) if history is None else history, _SEQ)
    event = etree.SubElement(events, _LI)
    event.set(f"{{{RDF}}}parseType", "Resource")
    said = {
        "action": "edited" if recipe.parent is not None else "created",
        "instanceID": instance,
        "when": recipe.created_at,
        "softwareAgent": recipe.software,
        "parameters": recipe.operation,
    }
    for name, text in said.items():
        etree.SubElement(event, f"{{{_EVENT}}}{name}", nsmap={"stEvt": _EVENT}).text = text


def _correct(tree: Any, size: tuple[int, int]) -> None:
    """What the packet says of the pixels, where it says it."""
    facts = {f"{{{_TIFF}}}Orientation": 1, **dict.fromkeys(_WIDTHS, size[0]), **dict.fromkeys(_HEIGHTS, size[1])}
    for name, value in facts.items():
        if _value(tree, name) is not None:
            _put(tree, name, str(value))
    _drop(tree, f"{{{_XMP}}}Thumbnails")
