"""EXIF of an outcome: that of its source, byte for byte, but for what is no longer true.

The block is changed in place: makers' notes hold offsets that break when a block is written anew, and what no library
knows stays as well.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from PIL import Image, TiffTags
from PIL.ExifTags import IFD, Base

HEADER = b"Exif\0\0"
_SIZES = {
    Base.ImageWidth: 0,
    Base.ImageLength: 1,
    Base.ExifImageWidth: 0,
    Base.ExifImageHeight: 1,
}
"""Tags that say the size -> which of width and height."""
STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 288, 289, 290, 291, 317, 320, 322, 323, 324, 325}
    | {330, 338, 339, 340, 341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532}
)
"""Tags of a TIFF that say how its pixels are stored, not what they show."""
_ELSEWHERE = {700, 33723, 34377, 34675}
"""XMP, IPTC, Photoshop's resources, ICC: EXIF blocks of other formats don't hold them."""
_RAW = range(50706, 65536)
"""From DNGVersion on: how to develop sensor data."""


@dataclass(frozen=True, slots=True)
class _Entry:
    position: int
    tag: int
    kind: int
    count: int
    order: str

    def number(self, block: bytes | bytearray) -> int:
        """Its value, of one SHORT or LONG."""
        return int(struct.unpack_from(self.order + ("H" if self.kind == 3 else "I"), block, self.position + 8)[0])

    def correct(self, block: bytearray, size: tuple[int, int]) -> None:
        """Make it true of an upright picture of `size`, if it speaks of that."""
        if self.tag == Base.Orientation:  # of whatever kind it was: readers forgive much
            struct.pack_into(self.order + "HIHH", block, self.position + 2, 3, 1, 1, 0)
        elif self.tag in _SIZES and self.kind in (3, 4) and self.count == 1:
            value = size[_SIZES[Base(self.tag)]]
            if value < (2**16 if self.kind == 3 else 2**32):
                struct.pack_into(self.order + ("H" if self.kind == 3 else "I"), block, self.position + 8, value)


def refreshed(block: bytes, size: tuple[int, int]) -> bytes:
    """An EXIF block, without `HEADER`, of a picture that is now upright and of `size` (width, height).

    Orientation becomes 1, the sizes what they are where they are said, and the thumbnail is dropped, its pixels
    overwritten: it shows what the picture was. Everything else stays in its place. A damaged block is given back as
    far as it could be followed.
    """
    changed = bytearray(block)
    with suppress(struct.error):
        order, first = _start(block)
        entries, following = _directory(block, first, order)
        for entry in entries:
            entry.correct(changed, size)
        _drop_thumbnail(changed, following, order)
        for entry in _below(block, entries, order):
            entry.correct(changed, size)
    return bytes(changed)


def upright_tiff(data: bytes) -> bytes:
    """A TIFF file that says it lies as it shall be seen, for decoders that would turn it."""
    changed = bytearray(data)
    with suppress(struct.error):
        order, first = _start(data)
        for entry in _directory(data, first, order)[0]:
            if entry.tag == Base.Orientation:
                entry.correct(changed, (0, 0))
    return bytes(changed)


def as_written(tag: int, value: Any) -> Any:
    """A tag's value as Pillow has to be given it: texts as the bytes it read, or it would keep ASCII only."""
    is_text = isinstance(value, str) and TiffTags.lookup(tag).type == TiffTags.ASCII
    return value.encode("latin-1", "replace") if is_text else value


def block_of(image: Image.Image, size: tuple[int, int]) -> bytes | None:
    """The EXIF block, without `HEADER`, for an outcome of `size` of an opened picture; None where it has none."""
    block = image.info.get("exif")
    if image.format == "TIFF" or not isinstance(block, bytes):
        return _rewritten(image.getexif(), size)
    block = block.removeprefix(HEADER)
    if block[:2] not in (b"II", b"MM"):
        return None
    changed = refreshed(block, size)
    seen = Image.Exif()
    seen.load(changed)
    # A block that is damaged, and that Pillow reads otherwise than it could be followed here, is written anew.
    return changed if seen.get(Base.Orientation, 1) == 1 else _rewritten(image.getexif(), size)


def raw_block(data: bytes, size: tuple[int, int]) -> bytes | None:
    """The same of camera RAW that is laid out as a TIFF."""
    if data[:2] not in (b"II", b"MM"):
        return None
    exif = Image.Exif()
    try:
        exif.load(data)
        return _rewritten(exif, size)
    except Exception:  # Pillow raises anything on what makers do to TIFF
        return None


def _rewritten(exif: Image.Exif, size: tuple[int, int]) -> bytes | None:
    """A block written anew, for pictures whose EXIF is spread over a TIFF."""
    kept = Image.Exif()
    for tag, value in exif.items():
        if tag not in STRUCTURE | _ELSEWHERE and tag not in _RAW and tag not in (IFD.Exif, IFD.GPSInfo):
            kept[tag] = as_written(tag, value)
    for directory in (IFD.Exif, IFD.GPSInfo):
        if found := dict(exif.get_ifd(directory)):
            kept.get_ifd(directory).update(_sized(found, size))
    if Base.Orientation in kept:
        kept[Base.Orientation] = 1
    return kept.tobytes().removeprefix(HEADER) if len(kept) or kept.get_ifd(IFD.Exif) else None


def _sized(tags: Mapping[int, Any], size: tuple[int, int]) -> dict[int, Any]:
    return {tag: size[_SIZES[Base(tag)]] if tag in _SIZES else value for tag, value in tags.items()}


def _start(block: bytes) -> tuple[str, int]:
    order = "<" if block[:2] == b"II" else ">"
    return order, int(struct.unpack_from(order + "I", block, 4)[0])


def _directory(block: bytes | bytearray, offset: int, order: str) -> tuple[list[_Entry], int]:
    """Entries of a directory, and the position where the offset of the next one stands."""
    (count,) = struct.unpack_from(order + "H", block, offset)
    entries = []
    for position in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", block, position)
        entries.append(_Entry(position, tag, kind, values, order))
    return entries, offset + 2 + 12 * count


def _below(block: bytes, entries: list[_Entry], order: str) -> Iterator[_Entry]:
    """Entries of the directory of EXIF's own tags."""
    for entry in entries:
        if entry.tag == IFD.Exif and entry.kind in (4, 13):
            yield from _directory(block, entry.number(block), order)[0]


def _drop_thumbnail(block: bytearray, following: int, order: str) -> None:
    (offset,) = struct.unpack_from(order + "I", block, following)
    if not offset:
        return
    struct.pack_into(order + "I", block, following, 0)
    numbers = {entry.tag: entry.number(block) for entry in _directory(block, offset, order)[0] if entry.count == 1}
    start, length = numbers.get(513, 0), numbers.get(514, 0)
    if block[start : start + 3] == b"\xff\xd8\xff":  # else it points anywhere
        if start + length >= len(block):
            del block[start:]
        else:
            block[start : start + length] = bytes(length)
