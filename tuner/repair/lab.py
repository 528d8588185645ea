"""CIELAB in float32, so that lightness can be kept while colour is given."""

import numpy as np

from indexer.types import Floats
from tuner.repair.sizes import resized, within

_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)  # D65
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    np.float32,
)
_TO_LINEAR = np.linalg.inv(_TO_XYZ.astype(np.float64)).astype(np.float32)
_EDGE = 6 / 29
_HALVINGS = 10
_SLACK = np.float32(1e-4)
"""How far beyond 0..1 a value may be that counts as rounding."""


def to_lab(rgb: Floats) -> Floats:
    """sRGB [..., 3] in 0..1 -> L* (0..100), a*, b* of white point D65, float32 (CIE 15:2004, IEC 61966-2-1)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _EDGE**3, np.cbrt(xyz), xyz / (3 * _EDGE**2) + 4 / 29)
    lab: Floats = np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)
    return lab.astype(np.float32, copy=False)


def to_rgb(lab: Floats) -> Floats:
    """The inverse of `to_lab`, not clipped: a value beyond 0..1 is a colour that sRGB doesn't have."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(f > _EDGE, f**3, 3 * _EDGE**2 * (f - 4 / 29)).astype(np.float32) * _WHITE
    linear = xyz @ _TO_LINEAR.T
    above = np.maximum(linear, 0.0031308)
    rgb: Floats = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * above ** (1 / 2.4) - 0.055)
    return rgb.astype(np.float32, copy=False)


def coloured(lightness: Floats, chroma: Floats) -> Floats:
    """L* [h, w] and a*, b* [h, w, 2] -> sRGB [h, w, 3] of exactly that lightness and hue.

    Where sRGB has no such colour, chroma is lowered to the most that it has: clipping would change the lightness.
    """
    rgb = to_rgb(np.concatenate([lightness[..., None], chroma], -1))
    outside = ((rgb < -_SLACK) | (rgb > 1 + _SLACK)).any(-1)
    if outside.any():
        light, wanted = lightness[outside], chroma[outside]
        low, high = np.zeros(len(light), np.float32), np.ones(len(light), np.float32)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tried = to_rgb(np.concatenate([light[:, None], wanted * middle[:, None]], -1))
            fits = ((tried >= -_SLACK) & (tried <= 1 + _SLACK)).all(-1)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        rgb[outside] = to_rgb(np.concatenate([light[:, None], wanted * low[:, None]], -1))
    clipped: Floats = np.clip(rgb, 0, 1)
    return clipped


def mean_chroma(rgb: Floats) -> float:
    """Mean distance of [h, w, 3] from grey in CIELAB, looked at in small, so that noise doesn't count as colour."""
    lab = to_lab(resized(rgb, within((rgb.shape[0], rgb.shape[1]), 64)))
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())
