"""ICC profiles made of a matrix and curves, in floats: to sRGB and back without losing depth.

Camera and editing spaces (Adobe RGB, Display P3, ProPhoto, Rec. 2020) are of this kind; Pillow's Little CMS converts
8 bits only. Profiles with tables (printers, scanners) aren't read here.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats

Doubles = NDArray[np.float64]

_FROM_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Linear sRGB -> XYZ relative to D50, the white of ICC profiles (IEC 61966-2-1, adapted by Bradford)."""
_SAMPLES = np.linspace(0.0, 1.0, 65537)
_STRIP = 2**18


@dataclass(frozen=True, slots=True)
class Shaper:
    """A profile's curves, and its matrix where it is one of RGB and not of grey."""

    curves: tuple[Doubles, ...]
    """For red, green and blue, or for grey: linear light at 65537 even steps of the stored value."""
    matrix: Doubles | None
    """Linear RGB -> linear sRGB."""

    def to_srgb(self, stored: Floats) -> Floats:
        """[h, w, 3] of the profile's RGB, or [h, w] of its grey, 0..1 -> sRGB of that shape; its gamut is the limit."""
        return self._by_strips(stored, self._forward)

    def from_srgb(self, rgb: Floats) -> Floats:
        """The way back, for pictures of this profile: [h, w, 3] or [h, w] -> that shape."""
        return self._by_strips(rgb, self._backward)

    @staticmethod
    def _by_strips(values: Floats, convert: Callable[[Doubles], Doubles]) -> Floats:
        outcome = np.empty(values.shape, np.float32)
        rows = max(1, _STRIP // max(1, values.shape[1]))
        for top in range(0, values.shape[0], rows):
            outcome[top : top + rows] = np.clip(convert(values[top : top + rows].astype(np.float64)), 0, 1)
        return outcome

    def _forward(self, stored: Doubles) -> Doubles:
        if self.matrix is None:
            return encoded(np.interp(stored, _SAMPLES, self.curves[0]))
        linear = np.stack([np.interp(stored[..., i], _SAMPLES, self.curves[i]) for i in range(3)], axis=-1)
        return encoded(np.clip(linear @ self.matrix.T, 0, 1))

    def _backward(self, rgb: Doubles) -> Doubles:
        linear = decoded(rgb)
        if self.matrix is None:
            return np.interp(linear, self.curves[0], _SAMPLES)
        linear = linear @ np.linalg.inv(self.matrix).T
        return np.stack([np.interp(linear[..., i], self.curves[i], _SAMPLES) for i in range(3)], axis=-1)


def read_shaper(profile: bytes) -> Shaper | None:
    """The shaper of an ICC profile (ISO 15076-1); None for one of another kind, or a broken one."""
    try:
        tags = _tags(profile)
        space = profile[16:20]
        if profile[20:24] != b"XYZ " or any(name.startswith(b"A2B") for name in tags):
            return None
        if space == b"GRAY":
            return Shaper((_curve(tags[b"kTRC"]),), None)
        if space != b"RGB ":
            return None
        columns = [_numbers(tags[name][8:20]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        matrix = np.linalg.inv(_FROM_SRGB) @ np.array(columns).T
        np.linalg.inv(matrix)
        return Shaper(tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")), matrix)
    except (KeyError, struct.error, ValueError, np.linalg.LinAlgError):
        return None


def encoded(linear: Doubles) -> Doubles:
    """Linear light -> sRGB as stored (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def decoded(stored: Doubles) -> Doubles:
    """sRGB as stored -> linear light."""
    return np.where(stored <= 0.04045, stored / 12.92, ((np.maximum(stored, 0.04045) + 0.055) / 1.055) ** 2.4)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 1000:
        raise ValueError("no profile has so many tags")
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    return {name: profile[start : start + size] for name, start, size in entries}


def _numbers(data: bytes) -> list[float]:
    """Fixed-point numbers of 16 bits before and after the point."""
    return [value / 65536 for value in struct.unpack(f">{len(data) // 4}i", data[: len(data) // 4 * 4])]


def _curve(tag: bytes) -> Doubles:
    """A tone curve, sampled; made to rise, so that it has a way back."""
    if tag[:4] == b"para":
        curve = _parametric(struct.unpack_from(">H", tag, 8)[0], _numbers(tag[12:40]))
    elif tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        values = np.frombuffer(tag, ">u2", count, 12)
        if count == 0:
            curve = _SAMPLES
        elif count == 1:
            curve = _SAMPLES ** (float(values[0]) / 256)
        else:
            curve = np.interp(_SAMPLES, np.linspace(0, 1, count), values / 65535)
    else:
        raise ValueError("a curve of a kind that isn't known")
    rising: Doubles = np.maximum.accumulate(np.clip(curve, 0, 1))
    if rising[-1] <= rising[0]:
        raise ValueError("a curve that doesn't rise")
    return rising


def _parametric(kind: int, given: list[float]) -> Doubles:
    """ISO 15076-1, table 68: (a x + b) ** g + e from d on, c x + f below."""
    counts = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
    g, a, b, c, d, e, f = (*given[: counts[kind]], *[0.0] * 7)[:7]
    if kind == 0:
        return _SAMPLES**g
    if kind in (1, 2):  # the curve begins where its base is above nothing; c is what is added
        return np.where(-b / a <= _SAMPLES, np.maximum(a * _SAMPLES + b, 0) ** g + c, c)
    return np.where(d <= _SAMPLES, np.maximum(a * _SAMPLES + b, 0) ** g + e, c * _SAMPLES + f)
