"""Opening pictures to work on them: floats with their transparency and all of their bits."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.colour import grey_levels, is_deep, is_srgb, split_alpha
from indexer.errors import PictureError
from indexer.images import load, read_with
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.metadata import orientation
from indexer.types import Floats
from tuner.lineage.exif import upright_tiff
from tuner.lineage.profile import Shaper, read_shaper
from tuner.raster import Depth, Raster, from_bytes

_BITS, _PHOTOMETRIC, _PLANES, _EXTRA_SAMPLES, _RGB = 258, 262, 284, 338, 2
_PREMULTIPLIED, _STRAIGHT = 1, 2
_SRGB_GAMMA = (2.4, 12.92)


def open_raster(source: Path | bytes, limits: Limits = DEFAULT_LIMITS) -> Raster:
    """A file, or a file's bytes, of any format that the index reads -> an upright raster in sRGB.

    Of animations the first frame. Its `depth` is 16 for camera RAW (developed by LibRaw with the camera's white
    balance, in sRGB), for PNG and TIFF of 16 bits, and for grey of more than 8 bits in any format; 8 otherwise:
    10 bits of HEIF, AVIF and JPEG 2000 are read as 8. Colours outside sRGB are clipped. 8 bits are converted by Little
    CMS; 16 bits in floats where the profile has a matrix and curves, else they are read as 8, since right colours
    matter more than their last bits.

    PictureError with a reason fit to be listed, as of `indexer.images.open_picture`.
    """
    return read_with(
        source,
        limits,
        raw=lambda data: _developed(data, limits),
        plain=lambda image, data: _decoded(image, data, limits),
    )


def turned(pixels: NDArray[Any], lies: int) -> NDArray[Any]:
    """[h, w, ...] as stored -> as it shall be seen; `lies` is EXIF's orientation, 1..8."""
    if lies >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if lies in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if lies in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decoded(image: Image.Image, data: bytes, limits: Limits) -> Raster:
    wide = _has_16_bits(image, data)
    stored = _orientation_of_tiff(image) if image.format == "TIFF" else None
    load(image, data, limits)
    lies = orientation(image)
    profile = image.info.get("icc_profile")
    shaper = read_shaper(profile) if isinstance(profile, bytes) else None
    usable = shaper is not None or not isinstance(profile, bytes) or is_srgb(profile)
    shaper = None if isinstance(profile, bytes) and is_srgb(profile) else shaper
    if is_deep(image) and "transparency" not in image.info:
        grey = shaper if shaper is not None and shaper.matrix is None else None
        return _grey(turned(grey_levels(image), lies), grey)
    if wide and usable:
        found = _sixteen(image, data, shaper)
        if found is not None:
            return _upright(found, lies if stored is None else stored)
    rgb, alpha = split_alpha(image)
    raster = from_bytes(turned(np.asarray(rgb), lies))
    return raster if alpha is None else Raster(raster.rgb, _floats(turned(np.asarray(alpha), lies)))


def _grey(levels: Floats, shaper: Shaper | None) -> Raster:
    levels = levels if shaper is None else shaper.to_srgb(levels)
    return Raster(np.repeat(levels[..., None], 3, axis=2), None, 16)


def _has_16_bits(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG":
        return data[24:25] == b"\x10"
    if image.format != "TIFF":
        return False
    tags: Any = getattr(image, "tag_v2", {})
    in_one_plane = tags.get(_PLANES, 1) == 1  # OpenCV mistakes the others
    return set(tags.get(_BITS, ())) == {16} and tags.get(_PHOTOMETRIC) == _RGB and in_one_plane


def _orientation_of_tiff(image: Image.Image) -> int:
    """What a TIFF says before Pillow, which turns it while it is decoded, forgets it."""
    return orientation(image)


def _sixteen(image: Image.Image, data: bytes, shaper: Shaper | None) -> Raster | None:
    """16 bits by OpenCV, as stored; None where it can't decode them. Pillow has decoded the file, so it is whole."""
    data = upright_tiff(data) if image.format == "TIFF" else data
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        return None
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] not in (3, 4):
        return None
    rgb = _floats(pixels[..., 2::-1])
    alpha = _floats(pixels[..., 3]) if pixels.shape[2] == 4 else None
    if alpha is not None and image.format == "TIFF":
        extra = (*getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES, ()), 0)[0]
        if extra == _PREMULTIPLIED:
            rgb = np.clip(rgb / np.maximum(alpha, 1 / 65535)[..., None], 0, 1)
        alpha = alpha if extra in (_PREMULTIPLIED, _STRAIGHT) else None
    return Raster(shaper.to_srgb(rgb) if shaper is not None and shaper.matrix is not None else rgb, alpha, 16)


def _upright(raster: Raster, lies: int) -> Raster:
    alpha = None if raster.alpha is None else turned(raster.alpha, lies)
    return Raster(turned(raster.rgb, lies), alpha, raster.depth)


def _developed(data: bytes, limits: Limits) -> Raster:
    try:
        import rawpy
    except ImportError as error:
        raise PictureError("camera RAW needs an extra: pip install 'pixloom[raw]'") from error
    depth: Depth = 16
    with rawpy.imread(io.BytesIO(data)) as raw:
        limits.check_size((raw.sizes.raw_width, raw.sizes.raw_height))
        pixels = raw.postprocess(output_bps=depth, use_camera_wb=True, gamma=_SRGB_GAMMA)
    return Raster(_floats(pixels), None, depth)


def _floats(pixels: NDArray[Any]) -> Floats:
    """Whole numbers of 8 or 16 bits -> 0..1."""
    values: Floats = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return np.ascontiguousarray(values)
