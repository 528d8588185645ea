"""Rasters as the bytes of a picture file, with everything their source's file said."""

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tuner.lineage import tiff
from tuner.lineage.exif import HEADER
from tuner.lineage.jpeg import (
    APP1,
    IPTC_RESOURCE,
    MAX_SEGMENT,
    XMP,
    photoshop_segments,
    resource,
    with_segments,
)
from tuner.lineage.kept import Kept
from tuner.lineage.png import iptc_chunk, profile_chunk, with_chunks, xmp_chunk
from tuner.lineage.profile import Shaper
from tuner.raster import Depth, Raster

EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp"}
"""Formats that outcomes are written in, and how their files' names end."""
_LOSSY = {"JPEG", "HEIF", "AVIF", "JPEG2000", "RAW"}
_LONGEST = {"JPEG": 65500, "WEBP": 16383}
_QUALITY = 95
_DARK = 4096 / 65535
_STRIP = 2**20

Note = Callable[[str], None]
"""Called with what could not be kept."""


def outcome_format(raster: Raster, kept: Kept, wanted: str | None = None) -> str:
    """The format for an outcome: the one wanted, else the source's where it can hold it.

    JPEG where the source was lossy, of a format that isn't written (HEIF, AVIF, JPEG 2000); PNG for all others, and
    wherever JPEG or WebP lack what is needed: transparency, 16 bits, length. UsageError for one that isn't known, or
    can't hold this picture.
    """
    if wanted is not None:
        name = {"JPG": "JPEG", "TIF": "TIFF"}.get(wanted.upper(), wanted.upper())
        if name not in EXTENSIONS:
            raise UsageError(f"Outcomes can't be written as {wanted!r}. Valid: {', '.join(EXTENSIONS).lower()}.")
        if name == "JPEG" and raster.alpha is not None:
            raise UsageError("JPEG can't hold this outcome, which has transparency: take png, tiff or webp.")
        if max(raster.size) > _LONGEST.get(name, 2**31):
            raise UsageError(f"{name} can't hold a side of {max(raster.size)} pixels: take png or tiff.")
        return name
    name = "JPEG" if kept.format in _LOSSY else kept.format or "PNG"
    lacks = (raster.depth == 16 and name in {"JPEG", "WEBP"}) or (raster.alpha is not None and name == "JPEG")
    return name if name in EXTENSIONS and not lacks and max(raster.size) <= _LONGEST.get(name, 2**31) else "PNG"


def encoded(raster: Raster, kept: Kept, packet: bytes | None, format: str, note: Note) -> bytes:
    """The file of an outcome: JPEG at quality 95 without subsampling; WebP so too, or lossless as its source was;
    PNG and TIFF at the raster's depth. `packet` is its XMP.

    Grey stays grey where the source was. TuneError where an encoder fails.
    """
    depth: Depth = raster.depth if format in {"PNG", "TIFF"} else 8
    grey = kept.grey and format != "WEBP" and _equal_channels(raster.rgb)
    if depth == 16 and raster.rgb.max() < _DARK:
        grey = False  # it would be read as grey of 12 bits
    profile, shaper = kept.profile(grey)
    pixels = _pixels(raster, grey, shaper, depth)
    try:
        if format == "JPEG":
            return _jpeg(pixels, kept, profile, packet, note)
        if format == "PNG":
            return _png(pixels, kept, profile, packet)
        if format == "TIFF":
            return _tiff(pixels, kept, profile, packet, note)
        return _webp(pixels, kept, profile, packet, note)
    except (OSError, ValueError, cv2.error) as error:
        raise TuneError(f"The outcome can't be written as {format}: {error}. Choose another format.") from error


def quantised(values: Floats, depth: Depth) -> NDArray[Any]:
    """0..1 -> whole numbers of 8 or 16 bits, rounded; NaN becomes 0."""
    top, kind = (255, np.uint8) if depth == 8 else (65535, np.uint16)
    outcome: NDArray[Any] = np.empty(values.shape, kind)
    rows = max(1, _STRIP // max(1, values[:1].size))
    for start in range(0, len(values), rows):
        outcome[start : start + rows] = np.rint(np.nan_to_num(np.clip(values[start : start + rows], 0, 1)) * top)
    return outcome


def _equal_channels(rgb: Floats) -> bool:
    return np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 0], rgb[..., 2])


def _pixels(raster: Raster, grey: bool, shaper: Shaper | None, depth: Depth) -> NDArray[Any]:
    """[h, w, 1..4] as they are stored."""
    colours = raster.rgb[..., 0] if grey else raster.rgb
    colours = quantised(colours if shaper is None else shaper.from_srgb(colours), depth)
    parts = [colours[..., None] if grey else colours]
    if raster.alpha is not None:
        parts.append(quantised(raster.alpha, depth)[..., None])
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def _image(pixels: NDArray[Any]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _jpeg(pixels: NDArray[Any], kept: Kept, profile: bytes | None, packet: bytes | None, note: Note) -> bytes:
    file = io.BytesIO()
    more = {} if kept.dpi is None else {"dpi": kept.dpi}
    _image(pixels).save(file, "JPEG", quality=_QUALITY, subsampling=0, optimize=True, icc_profile=profile, **more)
    added = []
    for name, head, block in (("EXIF", HEADER, kept.exif), ("XMP", XMP, packet)):
        if block and len(head) + len(block) > MAX_SEGMENT:
            note(f"The {name} of the source is too long for a JPEG and was left out: {len(block)} bytes.")
        elif block:
            added.append((APP1, head + block))
    resources = kept.resources or (resource(IPTC_RESOURCE, kept.iptc) if kept.iptc else b"")
    return with_segments(file.getvalue(), [*added, *kept.segments, *photoshop_segments(resources)])


def _png(pixels: NDArray[Any], kept: Kept, profile: bytes | None, packet: bytes | None) -> bytes:
    if pixels.shape[2] == 2:  # OpenCV writes no grey with alpha
        pixels = np.concatenate([np.repeat(pixels[..., :1], 3, axis=2), pixels[..., 1:]], axis=2)
    order = [2, 1, 0, 3][: pixels.shape[2]] if pixels.shape[2] > 1 else [0]
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels[..., order]))
    if not done:
        raise ValueError("the encoder gave up")
    added = [*kept.chunks]
    if profile:
        added = [one for one in added if one[0] not in (b"sRGB", b"gAMA", b"cHRM")] + [profile_chunk(profile)]
    if kept.exif:
        added.append((b"eXIf", kept.exif))
    if packet:
        added.append(xmp_chunk(packet))
    if kept.iptc:
        added.append(iptc_chunk(kept.iptc))
    return with_chunks(data.tobytes(), added)


def _tiff(pixels: NDArray[Any], kept: Kept, profile: bytes | None, packet: bytes | None, note: Note) -> bytes:
    size = (pixels.shape[1], pixels.shape[0])
    blocks = {tiff.XMP: packet, tiff.IPTC: kept.iptc, tiff.PHOTOSHOP: kept.resources, tiff.ICC: profile}
    try:
        tags = kept.tags or tiff.tags_of(Image.new("1", (1, 1)), kept.exif, size)
        return tiff.write_tiff(pixels, tags, blocks)
    except Exception as error:  # Pillow raises anything on tags that make no sense
        note(f"The source's tags can't be written and were left out: {error}.")
        return tiff.write_tiff(pixels, {}, blocks)


def _webp(pixels: NDArray[Any], kept: Kept, profile: bytes | None, packet: bytes | None, note: Note) -> bytes:
    file = io.BytesIO()
    if kept.iptc or kept.resources:
        note("WebP has no place for IPTC: it was left out.")
    _image(pixels).save(
        file,
        "WEBP",
        lossless=kept.lossless,
        quality=_QUALITY,
        exact=True,  # colours under full transparency stay
        icc_profile=profile or b"",
        exif=kept.exif or b"",
        xmp=packet or b"",
    )
    return file.getvalue()
