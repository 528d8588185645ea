"""Any mode of picture to 8-bit RGB in sRGB: depth, palettes, transparency, colour profiles."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

from indexer.types import Floats

# Colour space of an ICC profile -> modes of pictures it can describe.
_PROFILE_MODES = {"RGB": {"RGB"}, "GRAY": {"L"}, "CMYK": {"CMYK"}, "Lab": {"LAB"}}
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags; photometric 0 means that 0 is white


def to_srgb(image: Image.Image) -> Image.Image:
    """A decoded picture of any mode -> RGB in sRGB, 8 bits, transparency laid over white.

    The embedded profile is used where it fits the picture; a broken or mismatched one is ignored.
    Raises what Pillow raises on damaged palettes and the like.
    """
    profile = image.info.get("icc_profile")
    image = _flatten(_eight_bits(image))
    if profile and isinstance(profile, bytes) and not is_srgb(profile):
        image = _apply_profile(image, profile)
    if image.mode == "LAB":
        image = _lab_to_srgb(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """As `to_srgb`, but transparency is kept apart: RGB in sRGB, and alpha (mode L) where the picture has some."""
    if not image.has_transparency_data:
        return to_srgb(image), None
    layer = image.convert("RGBA")
    opaque = layer.convert("RGB")
    opaque.info["icc_profile"] = image.info.get("icc_profile")
    return to_srgb(opaque), layer.getchannel("A")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Modes of more than 8 bits (I;16*, I, F) -> L; others as they are."""
    if not is_deep(image):
        return image
    return Image.fromarray(np.rint(grey_levels(image) * 255).astype(np.uint8))


def is_deep(image: Image.Image) -> bool:
    """Whether a picture is grey with more than 8 bits, as Pillow holds it (modes I;16*, I, F)."""
    return image.mode.startswith(("I", "F"))


def grey_levels(image: Image.Image) -> Floats:
    """Grey of more than 8 bits -> [h, w], 0 (black) .. 1 (white), as stored, not linear light."""
    values = np.asarray(image).astype(np.float32)
    low, high = _range(image, values)
    scaled = np.nan_to_num((values - low) / (high - low), nan=0, posinf=1, neginf=0)
    levels: Floats = np.clip(scaled, 0, 1).astype(np.float32)
    return levels


def _range(image: Image.Image, values: Floats) -> tuple[float, float]:
    """Values that stand for black and white; white is below black in a negative.

    What integers of over 16 bits and floats span is nowhere written: 0..1, 0..255 and 0..65535 are
    taken for what they look like, anything else from least to greatest.
    """
    finite = values[np.isfinite(values)]
    least, greatest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PPM", "PNG"}):
        tags = getattr(image, "tag_v2", {})
        white = _white(greatest, tags.get(_BITS_PER_SAMPLE, (16,))[0])
        return (white, 0.0) if tags.get(_PHOTOMETRIC) == 0 else (0.0, white)
    tops = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    top = next((top for top in tops if least >= 0 and greatest <= top), None)
    if top is not None:
        return 0.0, top
    return least, max(greatest, float(np.nextafter(np.float32(least), np.float32(np.inf))))


def _white(greatest: float, bits: int) -> float:
    """White of a grey picture in 16-bit words: that of the bits that its sensor seems to have had.

    Scanners and microscopes store 10 or 12 bits in the low end of the word: read as 16 they'd be black.
    """
    return next((2.0**b - 1 for b in (10, 12) if greatest < 2**b), 2.0**bits - 1 if 12 < bits < 16 else 65535.0)


def _flatten(image: Image.Image) -> Image.Image:
    """Palettes and transparency -> RGB or the picture's own opaque mode, over white."""
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if image.mode in {"1", "L"}:
        return image.convert("L")
    return image.convert("RGB") if image.mode in {"P", "RGBX", "YCbCr", "HSV"} else image


def is_srgb(profile: bytes) -> bool:
    """Whether a profile calls itself sRGB: nearly all do, and need no conversion."""
    head = profile[:4096]
    return profile[16:20] == b"RGB " and (b"sRGB" in head or "sRGB".encode("utf-16-be") in head)


@functools.lru_cache(maxsize=16)
def _to_srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """Transform from a profile to sRGB. Kept, since building one costs as much as using it; safe to
    share between threads without the library's one-pixel cache."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if mode not in _PROFILE_MODES.get(source.profile.xcolor_space.strip(), ()):
        raise ValueError(f"a profile that isn't for {mode}")
    target = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, target, mode, "RGB", flags=ImageCms.Flags.NOCACHE)


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        return _applied(image, _to_srgb_transform(profile, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return image  # the profile is broken or another picture's; its colours are a fair guess


def _lab_to_srgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return _applied(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    changed = ImageCms.applyTransform(image, transform)
    assert changed is not None  # it is only None for a change in place
    return changed
