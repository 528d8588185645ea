"""What a picture looks like, in small: thumbnail, perceptual hash, dominant colours."""

import io

import numpy as np
from PIL import Image

from indexer.types import Look

_SIDE = 32
_COLOURS = 5
_LEAST_SHARE = 0.01
# Of the discrete cosine transform (type II) the rows for frequencies 1..8.
_DCT = np.cos(np.pi * np.arange(1, 9)[:, None] * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE))


def look(image: Image.Image, thumbnail_size: int) -> Look:
    """Thumbnail, hash and colours of an RGB picture.

    The thumbnail is WebP, never enlarged, its longer side at most `thumbnail_size` pixels: that of the
    picture over a whole number, since means of whole pixels cost an eighth of resampling.
    """
    thumbnail = image.reduce(factor) if (factor := -(-max(image.size) // thumbnail_size)) > 1 else image
    # Of the picture, not of its thumbnail: another size of thumbnails must not change hashes.
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return Look(_webp(thumbnail), perceptual_hash(small), dominant_colours(small.reduce(2)))


def hamming(a: int, b: int) -> int:
    """Bits (0..64) in which two perceptual hashes differ; up to about 10 are the same picture."""
    return ((a ^ b) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()


def perceptual_hash(image: Image.Image) -> int:
    """64-bit hash of a picture as a signed integer: near for pictures that look alike.

    pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010): signs,
    against their median, of the 8x8 lowest frequencies, constant ones left out, of the luminance of
    the 32x32 picture. Rounded, so that a picture of one colour has the hash 0 and no noise in it.
    """
    if image.size != (_SIDE, _SIDE):
        image = image.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    frequencies = np.round(_DCT @ np.asarray(image.convert("L"), dtype=np.float64) @ _DCT.T, 3)
    bits = frequencies > np.median(frequencies)
    return int(np.packbits(bits.ravel()).view(">i8")[0])


def dominant_colours(image: Image.Image) -> tuple[tuple[str, float], ...]:
    """At most 5 colours of an RGB picture as ('#rrggbb', share in 0..1), largest first.

    Median cut (Heckbert 1982) over a picture of a few dozen pixels a side: give it a reduced one.
    Colours below one percent are left out.
    """
    reduced = image.quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    palette = reduced.getpalette() or []
    pixels = image.width * image.height
    counts = sorted(reduced.getcolors() or (), reverse=True)
    return tuple(
        ("#{:02x}{:02x}{:02x}".format(*palette[3 * index : 3 * index + 3]), count / pixels)
        for count, index in ((count, int(str(index))) for count, index in counts)
        if count >= _LEAST_SHARE * pixels
    )


def _webp(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=75, method=0)
    return file.getvalue()
