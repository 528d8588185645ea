"""The usual methods for exposure and colour, which look at histograms only."""

from collections.abc import Callable

import cv2
import numpy as np

from indexer.types import Floats
from tuner.enhance.light import to_linear, to_stored
from tuner.raster import luminance, to_bytes


def grey_world(rgb: Floats) -> Floats:
    """Channels scaled in linear light so that their means are equal (Buchsbaum 1980); luminance stays."""
    light = to_linear(rgb)
    means = np.maximum(light.mean((0, 1)), 1e-4)
    gains = means.mean() / means
    return np.clip(to_stored(light * gains.astype(np.float32)), 0, 1)


def stretched(rgb: Floats) -> Floats:
    """Values stretched so that the darkest and brightest fiftieth become black and white (scikit-image)."""
    from skimage.exposure import rescale_intensity

    low, high = np.percentile(rgb, (2, 98))
    return np.asarray(rescale_intensity(rgb, in_range=(low, high), out_range=(0, 1)), np.float32)


def gamma(rgb: Floats) -> Floats:
    """The power that brings the mean of luma to the middle."""
    power = np.log(0.5) / np.log(np.clip(luminance(rgb).mean(), 1e-3, 0.999))
    bent: Floats = rgb ** np.float32(power)
    return bent


def by_value(rgb: Floats, equalise: Callable[[Floats], Floats]) -> Floats:
    """A method for grey pictures applied to the greatest of the channels; hue and saturation stay."""
    value = rgb.max(2)
    gains = equalise(value) / np.maximum(value, np.float32(1 / 255))
    return np.asarray(rgb * gains[..., None], np.float32)


def clahe(rgb: Floats) -> Floats:
    """Equalisation of local histograms of lightness, with OpenCV's customary settings."""
    lab = cv2.cvtColor(to_bytes(rgb), cv2.COLOR_RGB2Lab)
    lab[..., 0] = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    equal: Floats = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB).astype(np.float32) / np.float32(255)
    return equal
