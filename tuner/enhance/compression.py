"""Whether a picture was a JPEG file, and of which quality, from its pixels alone."""

import numpy as np

from indexer.types import Floats
from tuner.raster import luminance

BLOCK = 8
ENOUGH = 3000
"""Blocks that are looked at."""
LEAST = 1.5
"""Coefficients nearer to zero than this were zero, most likely, and tell nothing."""
SPREAD = 0.4
"""Standard deviation of a coefficient about its step: pixels were rounded, and colours turned, on the way."""
STRAY = 0.05
"""Part of the coefficients that lie anywhere: where a colour that can't be shown was cut, say."""
ROUGH = np.array(
    [[16, 11, 10, 16], [12, 12, 14, 19], [14, 13, 16, 24], [14, 17, 22, 29]],
    np.float64,
)
"""Steps of the lowest frequencies of luma at quality 50 (ITU-T T.81, annex K)."""
FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))


def jpeg_quality(rgb: Floats) -> int | None:
    """Quality (1..100, as libjpeg counts it) that [h, w, 3] in 0..1 was compressed with; None where no sign of it is.

    Coefficients of blocks that a file was made of lie near multiples of its steps. The quality is the one whose steps
    make them most probable, against their lying anywhere (after Fan and de Queiroz 2003). The blocks must begin at the
    top left, as in a picture that was not cropped, turned or scaled since.
    """
    coefficients = _coefficients(rgb)
    if not len(coefficients):
        return None
    gains = [_gain(coefficients, quality) for quality in range(1, 101)]
    best = max(range(100), key=lambda place: (gains[place], place))  # of equal ones the mildest
    return best + 1 if gains[best] > 0 else None


def _coefficients(rgb: Floats) -> Floats:
    """[blocks, frequencies] of the cosine transform of luma, as of bytes."""
    high, wide = rgb.shape[0] // BLOCK, rgb.shape[1] // BLOCK
    blocks = rgb[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK, 3).swapaxes(1, 2)
    stride = max(1, int(np.sqrt(high * wide / ENOUGH)))
    chosen = blocks[::stride, ::stride].reshape(-1, BLOCK, BLOCK, 3)
    clipped = np.any((chosen == 0) | (chosen == 1), (1, 2, 3))  # these no longer lie on any step
    grey = luminance(chosen[~clipped]) * np.float32(255)
    place, wave = np.arange(BLOCK), np.arange(4)[:, None]
    basis = np.cos((2 * place + 1) * wave * np.pi / 16) / np.where(wave == 0, np.sqrt(8), 2)
    values = np.einsum("ui,nij,vj->nuv", basis, grey, basis, optimize=True)
    found: Floats = np.stack([values[:, row, column] for row, column in FREQUENCIES], 1)
    return found


def _gain(coefficients: Floats, quality: int) -> float:
    """Logarithm of how much more probable coefficients are if they had the steps of a quality."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    steps = np.clip(np.floor((ROUGH * scale + 50) / 100), 1, 255)
    step = np.array([steps[place] for place in FREQUENCIES])
    off = coefficients - np.rint(coefficients / step) * step
    near = step / (SPREAD * np.sqrt(2 * np.pi)) * np.exp(-0.5 * np.square(off / SPREAD))
    told = np.abs(coefficients) >= LEAST
    return float(np.sum(np.log((1 - STRAY) * near + STRAY), where=told))
