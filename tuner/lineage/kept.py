"""What an outcome's file takes over from its source's."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

from indexer.colour import is_srgb
from indexer.images import load, read_file, read_with
from indexer.limits import Limits
from indexer.metadata import exif_of, xmp_of
from tuner.lineage import tiff
from tuner.lineage.exif import block_of, raw_block
from tuner.lineage.jpeg import APP1, APP13, COMMENT, EXTENDED_XMP, PHOTOSHOP, iptc_of, kept_resources, segments
from tuner.lineage.png import kept_chunks
from tuner.lineage.profile import Shaper, read_shaper

_GREY_MODES = {"1", "L", "LA", "La", "I", "F"}


@dataclass(frozen=True, slots=True)
class Kept:
    """Blocks that are brought up to date for an outcome of a given size, and those that are kept as they are."""

    format: str | None = None
    """The source's format by Pillow's name, `RAW`, or None where there is no source."""
    grey: bool = False
    lossless: bool = False
    exif: bytes | None = None
    """From the byte order on."""
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    resources: bytes | None = None
    """Photoshop's, IPTC among them."""
    segments: tuple[tuple[int, bytes], ...] = ()
    """Of JPEG: comments, and the parts of XMP that are too long for its own."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Of PNG."""
    tags: Mapping[int, tuple[int | None, Any]] = field(default_factory=dict)
    """Of TIFF."""
    dpi: tuple[float, float] | None = None

    def profile(self, grey: bool) -> tuple[bytes | None, Shaper | None]:
        """The ICC profile for an outcome, and how its values get there from sRGB where that isn't at once.

        The source's own wherever values can be brought back into it: sRGB, a matrix with curves, a grey curve. For
        tables and CMYK, and colour that was made out of grey, it is sRGB.
        """
        if self.icc is None:
            return None, None
        if is_srgb(self.icc) and not grey:
            return self.icc, None
        shaper = read_shaper(self.icc)
        if shaper is not None and (shaper.matrix is None) == grey:
            return self.icc, shaper
        return (None if grey else srgb_profile()), None


def srgb_profile() -> bytes:
    """The ICC profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def read_kept(source: Path | bytes | None, size: tuple[int, int], limits: Limits) -> Kept:
    """What the file of a source has to say, for an outcome of `size` (width, height). PictureError."""
    if source is None:
        return Kept()
    data = source if isinstance(source, bytes) else read_file(source, limits)
    return read_with(
        data,
        limits,
        raw=lambda data: Kept("RAW", exif=raw_block(data, size)),
        plain=lambda image, data: _of_image(image, data, size, limits),
    )


def _of_image(image: Image.Image, data: bytes, size: tuple[int, int], limits: Limits) -> Kept:
    name = "JPEG" if image.format == "MPO" else image.format
    if name == "PNG":  # what it says may stand behind the pixels
        load(image, data, limits)
    info = image.info
    kept = Kept(
        name,
        grey=image.mode in _GREY_MODES or image.mode.startswith("I;16"),
        lossless=name != "WEBP" or b"VP8L" in (data[12:16], *_webp_chunks(data)),
        exif=_tried(lambda: exif_of(image) and block_of(image, size)),
        xmp=_tried(lambda: xmp_of(image)),
        icc=info["icc_profile"] if isinstance(info.get("icc_profile"), bytes) else None,
        dpi=_dpi(info.get("dpi")),
    )
    if name == "JPEG":
        return _of_jpeg(kept, data)
    if name == "PNG":
        return replace(kept, chunks=tuple(kept_chunks(data)))
    if name == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})
        return replace(
            kept,
            iptc=_block(tags.get(tiff.IPTC), tags),
            resources=_block(tags.get(tiff.PHOTOSHOP), tags),
            tags=_tried(lambda: tiff.tags_of(image, None, size)) or {},
        )
    return kept


def _of_jpeg(kept: Kept, data: bytes) -> Kept:
    found = list(segments(data))
    blocks = b"".join(
        body.removeprefix(PHOTOSHOP) for kind, body in found if kind == APP13 and body.startswith(PHOTOSHOP)
    )
    own = tuple(
        (kind, body) for kind, body in found if kind == COMMENT or (kind == APP1 and body.startswith(EXTENDED_XMP))
    )
    resources = kept_resources(blocks) or None
    return replace(kept, segments=own, resources=resources, iptc=iptc_of(blocks))


def _webp_chunks(data: bytes) -> list[bytes]:
    names, position = [], 12
    while position + 8 <= len(data):
        names.append(data[position : position + 4])
        (length,) = struct.unpack_from("<I", data, position + 4)
        position += 8 + length + length % 2
    return names


def _block(value: Any, tags: Any) -> bytes | None:
    """A tag's bytes; some programs write IPTC as whole numbers of 32 bits."""
    if isinstance(value, tuple) and all(isinstance(one, int) for one in value):
        order = "<" if getattr(tags, "_endian", "<") == "<" else ">"
        value = struct.pack(f"{order}{len(value)}I", *value)
    return value if isinstance(value, bytes) and value else None


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(one) for one in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 65536 and 0 < down < 65536 else None


def _tried(read: Callable[[], Any]) -> Any:
    """What `read` gives, or None: Pillow's parsers raise anything on garbage."""
    try:
        return read() or None
    except Exception:
        return None
