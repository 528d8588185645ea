"""TIFF files (revision 6.0) of 8 or 16 bits with everything that their source said.

Pillow doesn't write 16 bits in colour, and other libraries not EXIF's directories: so the strips are made here, and
Pillow's directory is put before them.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tuner.lineage.exif import STRUCTURE, as_written

XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
_DIRECTORIES = (IFD.Exif, IFD.GPSInfo)
_BYTE, _SHORT, _LONG, _UNDEFINED = 1, 3, 4, 7
_DEFLATE, _HORIZONTAL = 8, 2
_GREY, _RGB = 1, 2
_STRIP = 2**20


def write_tiff(
    pixels: NDArray[Any], tags: Mapping[int, tuple[int | None, Any]], blocks: Mapping[int, bytes | None]
) -> bytes:
    """[h, w, 1..4] of 8 or 16 bits, grey or RGB, alpha last -> a file, compressed without loss.

    `tags` are a source's, tag -> type and value, from `tags_of`; `blocks` are whole ones: XMP, IPTC, PHOTOSHOP, ICC.
    """
    height, width, channels = pixels.shape
    rows = max(1, _STRIP // (width * channels * pixels.itemsize))
    strips = [_packed(pixels[top : top + rows]) for top in range(0, height, rows)]
    directory = ImageFileDirectory_v2()  # little-endian
    for tag, (kind, value) in tags.items():
        if kind is not None:
            directory.tagtype[tag] = kind
        directory[tag] = as_written(tag, value)
    for tag, block in blocks.items():
        if block:
            directory.tagtype[tag] = _BYTE if tag == XMP else _UNDEFINED
            directory[tag] = block
    starts = np.cumsum([0, *map(len, strips)])
    _describe(directory, pixels, rows)
    directory.tagtype[273] = directory.tagtype[279] = _LONG
    directory[273], directory[279] = tuple(map(int, starts[:-1])), tuple(map(len, strips))
    return b"".join([b"II*\0", struct.pack("<I", 8), directory.tobytes(8), *strips])


def tags_of(image: Image.Image, exif: bytes | None, size: tuple[int, int]) -> dict[int, tuple[int | None, Any]]:
    """Tags for `write_tiff`: of an opened TIFF, or of an EXIF block of another format that was brought up to date."""
    if image.format == "TIFF":
        source: Any = image.tag_v2  # type: ignore[attr-defined]
        types, whole = source.tagtype, image.getexif()
    else:
        whole, types = Image.Exif(), {}
        if exif:
            whole.load(exif)
        source = dict(whole)
    own = {XMP, IPTC, PHOTOSHOP, ICC, *_DIRECTORIES, *STRUCTURE}
    found = {tag: (types.get(tag), value) for tag, value in source.items() if tag not in own}
    for directory in _DIRECTORIES:
        if below := dict(whole.get_ifd(directory)):
            found[int(directory)] = (_LONG, _sized(below, size))
    if Base.Orientation in found:
        found[int(Base.Orientation)] = (_SHORT, 1)
    return found


def _sized(tags: dict[int, Any], size: tuple[int, int]) -> dict[int, Any]:
    for tag, value in ((Base.ExifImageWidth, size[0]), (Base.ExifImageHeight, size[1])):
        if tag in tags:
            tags[tag] = value
    tags.pop(IFD.Interop, None)
    return tags


def _describe(directory: ImageFileDirectory_v2, pixels: NDArray[Any], rows: int) -> None:
    height, width, channels = pixels.shape
    colours = channels if channels in (1, 3) else channels - 1
    directory[256], directory[257], directory[278] = width, height, rows
    directory[258], directory[277] = (pixels.itemsize * 8,) * channels, channels
    directory[259], directory[317], directory[284] = _DEFLATE, _HORIZONTAL, 1
    directory[262] = _RGB if colours == 3 else _GREY
    if channels > colours:
        directory[338] = 2  # alpha, not multiplied into colours


def _packed(strip: NDArray[Any]) -> bytes:
    """Differences along rows, which compress better, deflated."""
    steps = strip.copy()
    steps[:, 1:] -= strip[:, :-1]
    return zlib.compress(steps.astype(strip.dtype.newbyteorder("<")).tobytes(), 6)
