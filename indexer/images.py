"""Opening picture files safely: any format to upright RGB in sRGB, or a reason why not."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image

from indexer.colour import to_srgb
from indexer.errors import PictureError
from indexer.formats import EXTENSIONS, PILLOW_FORMATS, REFUSED, signature
from indexer.formats import is_picture_name as is_picture_name
from indexer.formats import sniff as sniff
from indexer.limits import DEFAULT_LIMITS
from indexer.limits import Limits as Limits
from indexer.metadata import orientation, read_metadata
from indexer.noise import hush_decoders
from indexer.raw import looks_raw, open_raw
from indexer.types import Picture

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_CUT_SHORT = re.compile(
    r"truncat|unexpected (end|eof)|end.of.(file|data)|not enough (image )?data|buffer is not large|but only got", re.I
)
_UNSUPPORTED = re.compile(r"unsupported|not supported|unknown|unhandled|unimplemented", re.I)
_INTERNAL = re.compile(r"^not an? |decoder error|by this driver|unpack|codec configuration|broken data stream", re.I)
_RARE_COMPRESSIONS = {"webp", "zstd", "lerc", "jpeg2000", "jbig"}  # libtiff is often built without
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
T = TypeVar("T")


def open_picture(source: Path | bytes, *, limits: Limits = DEFAULT_LIMITS, min_side: int | None = None) -> Picture:
    """Decode a file, or a file's bytes, to an upright RGB picture in sRGB with its metadata.

    With `min_side` (pixels) a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as its
    shorter side stays at least that; camera RAW may come from its preview. Of animations and
    multi-page files the first frame is taken. Several threads may call this at once.

    Raises PictureError, whose text is a reason fit to be listed and names no path, for whatever
    can't be read: missing, over a limit, damaged, cut short, no picture.
    """
    return read_with(
        source,
        limits,
        raw=lambda data: open_raw(data, limits, min_side),
        plain=lambda image, data: _picture(image, data, limits, min_side),
    )


def read_with(
    source: Path | bytes, limits: Limits, *, raw: Callable[[bytes], T], plain: Callable[[Image.Image, bytes], T]
) -> T:
    """What `raw` makes of the bytes of camera RAW, or `plain` of any other picture, opened and not decoded.

    `plain` decodes by `load`. Whatever either of them raises becomes a PictureError, as of `open_picture`.
    """
    suffix = source.suffix if isinstance(source, Path) else ""
    data = source if isinstance(source, bytes) else read_file(source, limits)
    limits.check_bytes(len(data))
    kind = signature(data[:4096])
    refusal = REFUSED.get(kind or EXTENSIONS.get(suffix.lower(), ""))
    if refusal:
        raise PictureError(refusal)
    hush_decoders()
    try:
        return _read(data, kind, limits, raw, plain)
    except PictureError:
        raise
    except Exception as error:  # decoders of damaged files raise anything at all
        raise PictureError(_reason(error, kind)) from error


def read_file(path: Path, limits: Limits) -> bytes:
    """The bytes of a regular file; PictureError where there is none, it can't be read or is over the limit."""
    try:
        if not path.is_file():
            raise PictureError("not a file" if path.exists() else "no such file")
        limits.check_bytes(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"can't be read: {error.strerror or 'input/output error'}") from error
    except MemoryError as error:
        raise PictureError("not enough memory to read the file") from error


def _read(
    data: bytes,
    kind: str | None,
    limits: Limits,
    raw: Callable[[bytes], T],
    plain: Callable[[Image.Image, bytes], T],
) -> T:
    if kind == "RAW" or (kind == "TIFF" and looks_raw(data)):
        return raw(data)
    if kind == "ICO":
        limits.check_icon(data)
    try:
        return plain(_identify(data), data)
    except (SyntaxError, ValueError):
        if kind != "PNG":
            raise
        bare = _bare_png(data)
        return plain(_identify(bare), bare)


def _identify(data: bytes) -> Image.Image:
    """The opened, undecoded image. Unlike Image.open it tries only the formats that are allowed, and
    leaves the check of size to `Limits` instead of Pillow's process-wide MAX_IMAGE_PIXELS."""
    Image.init()
    failure: Exception | None = None
    for name in PILLOW_FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None:
            continue
        try:
            if accept is None or accept(data[:16]) is True:
                return factory(io.BytesIO(data), "")
        except Exception as error:
            # A format with a signature knows what is wrong; the others only that it isn't theirs.
            failure = failure or (error if accept else None)
    if data[4:8] == b"ftyp":
        from pillow_heif import HeifImageFile

        return HeifImageFile(io.BytesIO(data))  # type: ignore[no-any-return, no-untyped-call, unused-ignore]
    raise failure or PictureError("not a picture, or of a format that isn't known")


def load(image: Image.Image, data: bytes, limits: Limits, min_side: int | None = None) -> None:
    """Decode an image that was opened from `data`, within the limits; raises PictureError and whatever decoders do."""
    limits.check_image(image, data)
    if min_side and image.format in {"JPEG", "MPO"}:
        image.draft(None, (min_side, min_side))
    try:
        image.load()
    except OSError as error:
        if image.info.get("compression") in _RARE_COMPRESSIONS:
            raise PictureError(f"TIFF with {image.info['compression']} compression can't be decoded here") from error
        raise
    limits.check_size(image.size)


def _picture(image: Image.Image, data: bytes, limits: Limits, min_side: int | None) -> Picture:
    size = image.size
    load(image, data, limits, min_side)
    lies = orientation(image)
    metadata = read_metadata(image, size if lies < 5 else size[::-1])
    pixels = to_srgb(image)
    if lies > 1:
        pixels = pixels.transpose(_TRANSPOSE[lies])
    pixels.info = {}  # profile, orientation and transparency are used up: nobody shall apply them again
    return Picture(pixels, metadata)


def _bare_png(data: bytes) -> bytes:
    """A PNG with nothing but its pixels: no profile, texts, EXIF or animation that could be broken."""
    kept, position = [data[:8]], 8
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] in _PIXEL_CHUNKS:
            kept.append(data[position : position + length + 12])
        position += length + 12
    return b"".join(kept)


def _reason(error: Exception, kind: str | None) -> str:
    """A decoder's exception as one short sentence."""
    text = re.sub(r"<[^>]*>|0x[0-9a-f]{6,}", "", str(error)).split("\n")[0].strip(" :.")[:120]
    name = f"{kind} file" if kind else "file"
    if isinstance(error, MemoryError):
        return f"not enough memory to decode this {name}"
    if isinstance(error, Image.DecompressionBombError):
        return "a picture inside is far larger than the file says; it isn't decoded"
    if _CUT_SHORT.search(text):
        return f"truncated {name}: its data ends before the picture does"
    if isinstance(error, NotImplementedError) or _UNSUPPORTED.search(text):
        return f"this kind of {name} isn't supported ({text})"
    # Other exceptions are a decoder stumbling: their texts speak of its code, not of the file.
    spoken = type(error) in {OSError, SyntaxError, ValueError} and not _INTERNAL.search(text)
    return f"damaged {name}" + (f" ({text})" if text and spoken else "")
