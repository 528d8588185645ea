"""PNG files as their chunks (W3C PNG, third edition): what a source's says is put into an outcome's."""

import struct
import zlib
from collections.abc import Iterator, Sequence

_XMP = b"XML:com.adobe.xmp"
_KEPT = {b"tEXt", b"zTXt", b"iTXt", b"pHYs"}
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP"}
"""They say how values are meant; since these are read as if they were sRGB, they are true of the outcome as well."""
_ELSEWHERE = (_XMP, b"Raw profile type exif", b"Raw profile type APP1", b"Raw profile type xmp")
_LINE = 36


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each chunk; ends where the file is damaged."""
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        if position + 12 + length > len(data):
            return
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def kept_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """What an outcome takes over from its source as it is: texts, resolution, and how values are meant.

    EXIF and XMP aren't among them: they are changed.
    """
    wanted = _KEPT | _COLOUR
    return [
        (kind, body)
        for kind, body in chunks(data)
        if kind in wanted and not (kind not in _COLOUR and body.split(b"\0", 1)[0] in _ELSEWHERE)
    ]


def with_chunks(data: bytes, added: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The file with further chunks, after its header."""
    written = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in added
    )
    return data[:33] + written + data[33:]


def xmp_chunk(packet: bytes) -> tuple[bytes, bytes]:
    """An XMP packet, in UTF-8 and not compressed, as its specification demands."""
    return b"iTXt", _XMP + b"\0\0\0\0\0" + packet


def profile_chunk(profile: bytes) -> tuple[bytes, bytes]:
    """An ICC profile."""
    return b"iCCP", b"ICC\0\0" + zlib.compress(profile)


def iptc_chunk(records: bytes) -> tuple[bytes, bytes]:
    """IPTC records the way ImageMagick began it and others read it: Photoshop's resource in hexadecimal."""
    whole = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) % 2)
    digits = whole.hex().encode()
    lines = b"\n".join(digits[start : start + 2 * _LINE] for start in range(0, len(digits), 2 * _LINE))
    text = b"\niptc\n%8d\n" % len(whole) + lines + b"\n"
    return b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)
