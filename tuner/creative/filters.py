"""Filters that drawings and paintings are made of; they take floats of any depth and reach a bounded way."""

import cv2
import numpy as np

from indexer.types import Floats


def blurred(picture: Floats, sigma: float) -> Floats:
    """Gaussian blur of [h, w] or [h, w, c], sigma in pixels; it reaches three sigmas."""
    side = 2 * round(3 * sigma) + 1
    return np.asarray(cv2.GaussianBlur(picture, (side, side), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def smoothed(picture: Floats, radius: int, tolerance: float) -> Floats:
    """Guided filter of each channel by itself (He et al. 2010): what varies less than `tolerance` becomes flat.

    It reaches twice the radius in pixels, and takes as long for any.
    """
    side = (2 * radius + 1, 2 * radius + 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(values, -1, side, borderType=cv2.BORDER_REFLECT), np.float32)

    average = mean(picture)
    variance = np.maximum(mean(picture * picture) - average * average, 0)
    slope = np.asarray(variance / (variance + tolerance**2), np.float32)
    outcome: Floats = mean(slope) * picture + mean(average - slope * average)
    return outcome


def brushed(picture: Floats, radius: float) -> Floats:
    """Strokes of about `radius` pixels: [h, w, 3] with every pixel drawn from the calmest of eight sides.

    The generalised Kuwahara filter (Papari et al. 2007), its sectors being Gaussians beside the pixel, so that one
    blur does for all. It reaches 2.5 radii.
    """
    sigma = max(0.5, radius / 2)
    mean = blurred(picture, sigma)
    variance = np.maximum(blurred(picture * picture, sigma) - mean * mean, 0).sum(2)
    total, weights = np.zeros_like(picture), np.zeros(picture.shape[:2], np.float32)
    for angle in np.arange(8) * np.pi / 4:
        shift = (round(radius * np.cos(angle)), round(radius * np.sin(angle)))
        weight = (_shifted(variance, shift) + 1e-4) ** -4
        weights += weight
        total += weight[..., None] * _shifted(mean, shift)
    outcome: Floats = total / weights[..., None]
    return outcome


def _shifted(values: Floats, shift: tuple[int, int]) -> Floats:
    """Values of the place so many pixels to the right and below, the edge repeated."""
    across, down = shift
    rows = np.clip(np.arange(values.shape[0]) + down, 0, values.shape[0] - 1)
    columns = np.clip(np.arange(values.shape[1]) + across, 0, values.shape[1] - 1)
    found: Floats = values[rows][:, columns]
    return found


def lines(grey: Floats, sigma: float, sharpness: float = 18, level: float = 0.6) -> Floats:
    """A pen drawing of [h, w], 0 (ink) .. 1 (paper), with lines of about `sigma` pixels.

    Extended difference of Gaussians (Winnemoeller, Kyprianidis and Olsen 2012). It reaches five sigmas.
    """
    near, far = blurred(grey, sigma), blurred(grey, 1.6 * sigma)
    lifted = (1 + sharpness) * near - sharpness * far
    drawn: Floats = np.where(lifted >= level, 1, 1 + np.tanh(8 * (lifted - level))).astype(np.float32)
    return drawn


def stroked(noise: Floats, length: float, angle: float) -> Floats:
    """Noise [h, w] drawn out to strokes of so many pixels in a direction (radians), with unit deviation."""
    side = 2 * max(1, round(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    end = (round(middle * np.cos(angle)), round(middle * np.sin(angle)))
    cv2.line(kernel, (middle - end[0], middle - end[1]), (middle + end[0], middle + end[1]), 1.0)
    drawn = cv2.filter2D(noise, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return np.asarray(drawn / max(1e-6, float(drawn.std())), np.float32)


def vivid(rgb: Floats, factor: float) -> Floats:
    """Colours [h, w, 3] so much further from grey of the same brightness."""
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    outcome: Floats = np.clip(grey[..., None] + (rgb - grey[..., None]) * np.float32(factor), 0, 1)
    return outcome


def graded(grey: Floats, colours: tuple[str, ...]) -> Floats:
    """[h, w] -> [h, w, 3]: from the first colour (`#rrggbb`) at 0 to the last at 1, evenly between."""
    stops = np.array([[int(one[place : place + 2], 16) for place in (1, 3, 5)] for one in colours]) / 255
    at = np.linspace(0, 1, len(colours))
    flat = grey.reshape(-1)
    outcome = np.stack([np.interp(flat, at, stops[:, channel]) for channel in range(3)], 1)
    return outcome.reshape(*grey.shape, 3).astype(np.float32)
