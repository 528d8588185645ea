"""ICC profiles made for tests: a matrix with curves, and grey."""

import struct


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    head = bytearray(128)
    struct.pack_into(">I", head, 0, start + len(body))
    struct.pack_into(">I4s4s4s", head, 8, 0x02100000, b"mntr", space, b"XYZ ")
    head[36:40] = b"acsp"
    struct.pack_into(">III", head, 68, 0xF6D6, 0x10000, 0xD32D)
    return bytes(head) + table + body


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def _text(kind: bytes, text: bytes) -> bytes:
    if kind == b"desc":
        return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 78
    return b"text\0\0\0\0" + text + b"\0"


def adobe_like() -> bytes:
    """A wide space with the primaries of Adobe RGB (1998), by their published chromaticities, and gamma 2.2."""
    return _profile(
        b"RGB ",
        {
            b"desc": _text(b"desc", b"Wide"),
            b"cprt": _text(b"text", b"none"),
            b"wtpt": _xyz(0.9642, 1.0, 0.8249),
            b"rXYZ": _xyz(0.60974, 0.31111, 0.01947),
            b"gXYZ": _xyz(0.20528, 0.62567, 0.06087),
            b"bXYZ": _xyz(0.14919, 0.06322, 0.74457),
            b"rTRC": _gamma(2.2),
            b"gTRC": _gamma(2.2),
            b"bTRC": _gamma(2.2),
        },
    )


def grey_gamma(value: float) -> bytes:
    """Grey of one gamma."""
    return _profile(
        b"GRAY",
        {
            b"desc": _text(b"desc", b"Grey"),
            b"cprt": _text(b"text", b"none"),
            b"wtpt": _xyz(0.9642, 1.0, 0.8249),
            b"kTRC": _gamma(value),
        },
    )
