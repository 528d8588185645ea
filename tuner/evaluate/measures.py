"""How near an outcome is to the truth: PSNR, SSIM, a perceptual distance, colour differences."""

import numpy as np

from indexer.types import Floats
from tuner.raster import luminance

MAX_PSNR = 100.0
"""Decibels given to equal pictures, whose PSNR is infinite."""


def psnr(truth: Floats, outcome: Floats) -> float:
    """Peak signal-to-noise ratio in dB of arrays of one shape, values in 0..1; at most MAX_PSNR."""
    error = float(np.mean(np.square(truth.astype(np.float64) - outcome)))
    return MAX_PSNR if error == 0 else min(-10 * float(np.log10(error)), MAX_PSNR)  # NaN stays NaN


def luma(rgb: Floats) -> Floats:
    """[..., 3] in 0..1 -> Y of YCbCr as studio video has it (ITU-R BT.601, 16..235 of 255), 0..1.

    Super-resolution is measured on it by custom (Dong et al. 2014), with `border` pixels cut off.
    """
    values: Floats = (rgb @ np.array([65.481, 128.553, 24.966], np.float32) + np.float32(16)) / np.float32(255)
    return values


def cropped(picture: Floats, border: int) -> Floats:
    """Without so many pixels on each side."""
    return picture[border:-border, border:-border] if border else picture


def ssim(truth: Floats, outcome: Floats) -> float:
    """Structural similarity (Wang et al. 2004) of [h, w] or [h, w, 3] in 0..1, Gaussian window of sigma 1.5."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            truth,
            outcome,
            data_range=1.0,
            channel_axis=2 if truth.ndim == 3 else None,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def gmsd(truth: Floats, outcome: Floats) -> float:
    """Gradient magnitude similarity deviation (Xue et al. 2014) of [h, w, 3] in 0..1: 0 is equal, lower is better.

    A perceptual measure that needs no weights: it follows people's opinions of distorted pictures more closely than
    PSNR and SSIM do.
    """
    import cv2

    kernel = np.array([[1, 0, -1]] * 3, np.float32) / 3

    def gradient(rgb: Floats) -> Floats:
        grey = cv2.blur(luminance(rgb), (2, 2))[::2, ::2]
        across, down = cv2.filter2D(grey, -1, kernel), cv2.filter2D(grey, -1, kernel.T)
        magnitude: Floats = np.hypot(across, down).astype(np.float32)
        return magnitude

    stability = 170 / 255**2  # the paper's constant, for values in 0..1
    first, second = gradient(truth), gradient(outcome)
    return float(np.std((2 * first * second + stability) / (first**2 + second**2 + stability)))


def ciede2000(truth: Floats, outcome: Floats) -> float:
    """Mean colour difference CIEDE2000 (Sharma et al. 2005) of [h, w, 3] in sRGB: about 1 can just be seen."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    return float(np.mean(deltaE_ciede2000(rgb2lab(truth), rgb2lab(outcome))))


def colourfulness(rgb: Floats) -> float:
    """How colourful [h, w, 3] in 0..1 is, by Hasler and Suesstrunk 2003, on their scale: 0 is grey, 109 extremely."""
    red, green, blue = np.moveaxis(rgb.astype(np.float64) * 255, 2, 0)
    first, second = red - green, (red + green) / 2 - blue
    return float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean()))
