"""JPEG files as their segments (ITU-T T.81, annex B): what a source's says is put into an outcome's."""

import struct
from collections.abc import Iterator, Sequence

XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
MAX_SEGMENT = 65533
"""Bytes that a segment can hold."""
APP0, APP1, APP13, COMMENT = 0xE0, 0xE1, 0xED, 0xFE
_THUMBNAILS = {0x0409, 0x040C}
_COPIES = {0x0422, 0x0423, 0x0424}
"""EXIF and XMP, which have segments of their own."""
IPTC_RESOURCE = 0x0404


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment before the picture's data; ends where the file is damaged."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in (0xD9, 0xDA):
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2 or position + 2 + length > len(data):
            return
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length


def with_segments(data: bytes, added: Sequence[tuple[int, bytes]]) -> bytes:
    """The file with further segments, after the first one where that is JFIF's, as EXIF wants to come first."""
    position = 2
    if data[2:4] == bytes((0xFF, APP0)):
        position += 2 + int(struct.unpack_from(">H", data, 4)[0])
    written = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in added)
    return data[:position] + written + data[position:]


def photoshop_segments(resources: bytes) -> list[tuple[int, bytes]]:
    """Photoshop's resources in as many segments as they need."""
    room = MAX_SEGMENT - len(PHOTOSHOP)
    return [(APP13, PHOTOSHOP + resources[start : start + room]) for start in range(0, len(resources), room)]


def resource(number: int, body: bytes) -> bytes:
    """One resource of Photoshop's, without a name."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + b"\0" * (len(body) % 2)


def kept_resources(resources: bytes) -> bytes:
    """Photoshop's resources without thumbnails, which are stale, and copies of EXIF and XMP."""
    return b"".join(whole for number, whole, _ in _resources(resources) if number not in _THUMBNAILS | _COPIES)


def iptc_of(resources: bytes) -> bytes | None:
    """The IPTC records among them."""
    return next((body for number, _, body in _resources(resources) if number == IPTC_RESOURCE), None)


def _resources(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, the whole resource, and its body."""
    position = 0
    while position + 12 <= len(data):
        start = position
        (number,) = struct.unpack_from(">H", data, position + 4)
        position += 6 + (data[position + 6] + 2) // 2 * 2
        if position + 4 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, position)
        body = data[position + 4 : position + 4 + length]
        position += 4 + length + length % 2
        if len(body) < length:
            return
        yield number, data[start:position], body
