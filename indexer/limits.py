"""Limits on what is decoded, checked on a picture's header before its pixels are touched."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from PIL import Image

from indexer.errors import PictureError

if TYPE_CHECKING:
    from indexer.config import Settings

# Codecs that Pillow has in Python decode about a million pixels a second.
SLOW_PIXELS = 8 * 10**6
_PNG_SIZE = re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR(.{4})(.{4})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest file in bytes, largest picture in pixels, longest animation in frames that are read."""

    max_bytes: int = 512 * 2**20
    max_pixels: int = 256 * 10**6
    max_frames: int = 10_000

    @classmethod
    def of(cls, settings: "Settings") -> "Limits":
        """The limits that the settings name."""
        return cls(settings.max_bytes, settings.max_pixels, settings.max_frames)

    def check_bytes(self, size: int) -> None:
        """Raise PictureError for an empty or too large file of `size` bytes."""
        if size == 0:
            raise PictureError("empty file")
        if size > self.max_bytes:
            raise PictureError(
                f"{_binary(size)} are over the limit of {_binary(self.max_bytes)}; raise PIXLOOM_MAX_BYTES"
            )

    def check_size(self, size: tuple[int, int], what: str = "pixels") -> None:
        """Raise PictureError where width x height is over the limit or empty."""
        width, height = size
        if width < 1 or height < 1:
            raise PictureError(f"a picture of {width}x{height} pixels has nothing to show")
        if width * height > self.max_pixels:
            raise PictureError(
                f"{width}x{height} {what} are over the limit of {self.max_pixels:,}; raise PIXLOOM_MAX_PIXELS"
            )

    def check_icon(self, data: bytes) -> None:
        """Raise PictureError for an icon file with a PNG inside that is too large.

        Pillow decodes it as soon as it opens the file, whatever size the icon's directory tells.
        """
        for match in _PNG_SIZE.finditer(data):
            self.check_size((int.from_bytes(match[1], "big"), int.from_bytes(match[2], "big")))

    def check_image(self, image: Image.Image, data: bytes) -> None:
        """Raise PictureError for an image, opened from `data` but not decoded, that is too large."""
        self.check_size(image.size)
        tiles = getattr(image, "tile", None) or []
        codecs = {tile[0] for tile in tiles}
        if codecs & Image.DECODERS.keys() and image.width * image.height > SLOW_PIXELS:
            raise PictureError(
                f"{image.width}x{image.height} pixels are too many for this kind of {image.format}; convert it to PNG"
            )
        if image.format == "TIFF":
            tags = image.tag_v2  # type: ignore[attr-defined]
            self.check_size((int(tags.get(322, 1)), int(tags.get(323, 1))), "pixels in one tile")
        self._check_frames(image, data)

    def _check_frames(self, image: Image.Image, data: bytes) -> None:
        # Pillow counts the frames of GIF and TIFF without an end in sight; the others' headers tell.
        if image.format in {"GIF", "TIFF"}:
            walk = _gif_frames(data) if image.format == "GIF" else _tiff_frames(data)
            frames = sum(1 for _ in islice(walk, self.max_frames + 1))
        else:
            frames = getattr(image, "n_frames", 1)
        if frames > self.max_frames:
            count = f"over {self.max_frames:,}" if image.format in {"GIF", "TIFF"} else f"{frames:,}"
            raise PictureError(f"{count} frames; the limit is {self.max_frames:,}; raise PIXLOOM_MAX_FRAMES")


DEFAULT_LIMITS = Limits()


def _binary(size: int) -> str:
    if size < 2**20:
        return f"{size:,} bytes"
    return f"{size / 2**20:,.1f} MB"


def _gif_frames(data: bytes) -> Iterator[int]:
    """Offsets of the image descriptors of a GIF (spec 89a, section 20)."""
    position = 13 + _colour_table(data, 10)
    while position < len(data) and data[position] in b"\x21\x2c":
        if data[position] == 0x2C:
            yield position
            position += 11 + _colour_table(data, position + 9)
        else:
            position += 2
        while position < len(data) and data[position]:
            position += 1 + data[position]
        position += 1


def _colour_table(data: bytes, flags: int) -> int:
    """Bytes of the colour table that the packed field at `flags` announces."""
    if flags >= len(data) or not data[flags] & 0x80:
        return 0
    return int(3 << ((data[flags] & 7) + 1))


def _tiff_frames(data: bytes) -> Iterator[int]:
    """Offsets of the directories of a TIFF or BigTIFF; ends at a loop or at broken data."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"\x2b\0", b"\0\x2b")
    pointer, count, entry, start = ("Q", "Q", 20, 8) if big else ("L", "H", 12, 4)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + pointer, data, start)
        while offset and offset not in seen:
            yield offset
            seen.add(offset)
            (entries,) = struct.unpack_from(order + count, data, offset)
            after = offset + struct.calcsize(order + count) + entry * entries
            (offset,) = struct.unpack_from(order + pointer, data, after)
    except struct.error:
        return
