"""Camera RAW through LibRaw: the camera's own preview where it is large enough, else half-size."""

import io
from typing import TYPE_CHECKING, Any

from PIL import Image, TiffImagePlugin

from indexer.colour import to_srgb
from indexer.errors import PictureError
from indexer.limits import Limits
from indexer.metadata import read_metadata
from indexer.types import Picture

if TYPE_CHECKING:
    import rawpy

_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_IFDS, _DNG_VERSION = 254, 262, 271, 330, 50706
_SENSOR_PHOTOMETRICS = {32803, 34892}  # colour filter array, linear raw (TIFF/EP, DNG 1.6)
# LibRaw's `flip` -> how to turn a preview, which is stored as the sensor lay.
_FLIPS = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}


def looks_raw(data: bytes) -> bool:
    """Whether a TIFF holds a camera's sensor data (DNG, NEF, ARW...) by its first directory."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        file = io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        if _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS:
            return True
        # The first picture is a thumbnail, and the real one lies in a directory below it.
        return tags.get(_NEW_SUBFILE_TYPE) == 1 and _SUB_IFDS in tags and _MAKE in tags
    except Exception:  # a damaged directory; reading it as a TIFF will say what is wrong
        return False


def open_raw(data: bytes, limits: Limits, min_side: int | None) -> Picture:
    """Decode camera RAW; as `indexer.images.open_picture`, for data known to be RAW.

    Raises PictureError where rawpy is missing or a limit is passed, and LibRaw's own exceptions.
    """
    try:
        import rawpy
    except ImportError as error:
        raise PictureError("camera RAW needs an extra: pip install 'pixloom[raw]'") from error
    with rawpy.imread(io.BytesIO(data)) as raw:
        sizes = raw.sizes
        limits.check_size((sizes.raw_width, sizes.raw_height))
        size = (sizes.iwidth, sizes.iheight)
        enough = min_side or min(size) // 2
        image = _preview(raw, rawpy, enough, limits)
        about = Image.new("1", (1, 1))
        about.format = "RAW"
        about.info["exif"] = data if data[:2] in (b"II", b"MM") else image and image.info.get("exif")
        if image is None:
            image = Image.fromarray(raw.postprocess(half_size=min(size) // 2 >= enough, use_camera_wb=True))
        elif sizes.flip in _FLIPS:
            image = image.transpose(_FLIPS[sizes.flip])
    return Picture(image, read_metadata(about, size[::-1] if sizes.flip in {5, 6} else size))


def _preview(raw: "rawpy.RawPy", rawpy: Any, enough: int, limits: Limits) -> Image.Image | None:
    """The embedded preview, decoded, where its shorter side is at least `enough` pixels."""
    try:
        thumb = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumb.format != rawpy.ThumbFormat.JPEG:
        return None
    try:
        image = Image.open(io.BytesIO(bytes(thumb.data)), formats=["JPEG"])
        if min(image.size) < enough:
            return None
        limits.check_size(image.size)
        image.draft(None, (enough, enough))
        return to_srgb(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
