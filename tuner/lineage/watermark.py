"""An invisible watermark for generated pictures: 48 bits that survive JPEG, resizing and a mild crop.

Spread spectrum (Cox et al. 1997) with informed embedding (Miller, Doerr and Cox 2004), blind: the picture's luma,
reduced to 256x256 whatever its size and shape, is projected onto pseudo-random patterns of medium frequencies, and
changed by the least that brings each projection to the side of its bit, a margin away from nought. Reduction makes
resizing harmless; signs make brightness and contrast so. One more pattern, known and stronger, is looked for where a
border was cut off. A CRC of 32 bits says whether what was read is a payload.

It tells honest people where a picture comes from; whoever knows the key and wants it gone can remove it.
"""

import functools
import itertools
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.errors import UsageError
from indexer.types import Floats, Ids
from tuner.raster import luminance

Doubles = NDArray[np.float64]

PAYLOAD_BITS = 48
SMALLEST = 192
"""Pixels that the shorter side must have at least to bear a mark."""
KEY = 0x70_69_78_6C
"""The key that is used if none is given: marks are then for everybody to read."""
_BITS = PAYLOAD_BITS + 32
_SIDE = 256
_BAND = (56, 112)
"""Frequencies in half cycles over the reduced picture: below it marks can be seen, above it resizing takes them."""
_MARGIN, _PILOT = 30.0, 220.0
"""How far projections onto bits and the known pattern are moved from nought, in grey levels of 0..255."""
_ROUNDS = 3
_STEPS_OF_CHANGE = 5
_STRENGTHS = (1.0, 0.8, 0.6, 0.45)
_LEAST_PSNR = 40.5
_DOUBTFUL = 8
"""Bits nearest to nought that are tried both ways."""
_CUTS = tuple(round(1 - 0.01 * step, 2) for step in range(16))
"""Parts of a side that may be left of a cropped picture."""
_PEAKS = 3
_STEPS = (1.0, 0.5, 0.25)
_MOVES = tuple(
    tuple(sign * by for by in move)
    for move in ((1, 0, 0, 0), (0, 1, 0, 0), (-0.5, 0, 1, 0), (0, -0.5, 0, 1))  # moved, or larger about its middle
    for sign in (1, -1)
)
_AROUND = sorted(
    itertools.product((0.0, -0.5, 0.5, -1.0, 1.0), repeat=2), key=lambda shift: shift[0] ** 2 + shift[1] ** 2
)

_Box = tuple[float, ...]
"""Left, top, width and height on the canvas of 256x256."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark that was found."""

    payload: int
    """0 .. 2**48 - 1."""
    score: float
    """How clearly: the weakest bit that needed no second try, as a part of the margin it was written with."""


def embed(rgb: Floats, payload: int, key: int = KEY) -> Floats:
    """A picture [h, w, 3] in 0..1 with 48 bits in it, at 40 dB PSNR or more but for the strangest pictures.

    Give it what will be saved, last of all. UsageError for a payload out of range, or a side below SMALLEST pixels.
    """
    if not 0 <= payload < 2**PAYLOAD_BITS:
        raise UsageError(f"A watermark's payload is 0 to 2**{PAYLOAD_BITS} - 1, not {payload}.")
    if min(rgb.shape[:2]) < SMALLEST:
        raise UsageError(
            f"A picture of {rgb.shape[1]}x{rgb.shape[0]} pixels can't be watermarked: its sides must be {SMALLEST} "
            "pixels or more."
        )
    signs = np.concatenate([_signs(payload), [1.0]])
    marked = rgb
    for strength in _STRENGTHS:
        margins = strength * np.array([_MARGIN] * _BITS + [_PILOT])
        marked = _moved(rgb, signs, margins, key)
        error = float(np.mean(np.square(marked - rgb, dtype=np.float64)))
        if error == 0 or -10 * np.log10(error) >= _LEAST_PSNR:
            break
    return marked


def detect(rgb: Floats, key: int = KEY, *, cropped: bool = True) -> Mark | None:
    """The mark of a picture [h, w, 3] in 0..1, of whatever size it has by now; None where it bears none.

    Looking for what may have been `cropped` costs a second or two where nothing is found at once. A picture without a
    mark is taken for one with a probability of about 5e-6.
    """
    grey = luminance(rgb) * np.float32(255)
    mark = _read(_reduced(grey), key)
    return _read_cropped(grey, key) if mark is None and cropped and grey.std() > 0 else mark


def _moved(rgb: Floats, signs: Doubles, margins: Doubles, key: int) -> Floats:
    """The picture changed until each projection is as far on its side as its margin says."""
    mask = _mask(_reduced(luminance(rgb) * np.float32(255)))
    marked = rgb
    for _ in range(_ROUNDS):  # clipping and resampling take a little away
        reduced = _reduced(luminance(marked) * np.float32(255))
        change = _change(reduced, mask, signs, margins, key)
        whole = np.asarray(cv2.resize(change, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)
        marked = np.clip(marked + whole[..., None] / np.float32(255), 0, 1)
    return marked


def _change(reduced: Floats, mask: Floats, signs: Doubles, margins: Doubles, key: int) -> Floats:
    """What a reduced picture lacks. The mask mixes patterns a little, so it takes a few steps."""
    change = np.zeros_like(reduced)
    for _ in range(_STEPS_OF_CHANGE):
        missing = np.maximum(margins - signs * _projections(reduced + change, key), 0) * signs
        change += mask * _sum_of_patterns(missing / mask.mean(), key)
    return change


def _reduced(grey: Floats) -> Floats:
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _mask(reduced: Floats) -> Floats:
    """How much may be changed where: more in texture, which hides it, and where there is room above and below."""
    around = np.asarray(cv2.GaussianBlur(reduced, (0, 0), 3), np.float32)
    texture = np.sqrt(np.maximum(cv2.GaussianBlur(np.square(reduced - around), (0, 0), 3), 0))
    room = np.clip(np.minimum(around, 255 - around) / 16, 0.2, 1)
    mask: Floats = np.sqrt(np.clip(texture, 3, 20) * room).astype(np.float32)
    return mask


@functools.lru_cache(maxsize=2)
def _patterns(key: int) -> tuple[Ids, Doubles]:
    """Of each frequency (DCT of 256x256, flattened) the pattern that it belongs to, and its weight there.

    Patterns 0 .. bits - 1 are for the bits, the next is the known one, the last is nothing. Each is of unit norm and
    has frequencies of its own, so they are orthogonal.
    """
    index = np.arange(_SIDE)
    radius = np.hypot(index[:, None], index[None, :]).ravel()
    chance = np.random.default_rng(key)
    owners, weights = np.full(_SIDE * _SIDE, _BITS + 1), np.zeros(_SIDE * _SIDE)
    places = chance.permutation(np.flatnonzero((radius >= _BAND[0]) & (radius < _BAND[1])))
    for number, own in enumerate(np.array_split(places, _BITS + 1)):
        owners[own] = number
        # Pictures have less of high frequencies, about as 1 / radius: so each has its equal share of the noise.
        weights[own] = chance.choice((-1.0, 1.0), len(own)) * radius[own]
        weights[own] /= np.linalg.norm(weights[own])
    return owners, weights


def _projections(reduced: Floats, key: int) -> Doubles:
    """Of a reduced picture onto each pattern [bits + 1]."""
    owners, weights = _patterns(key)
    sums: Doubles = np.bincount(owners, cv2.dct(reduced).ravel() * weights, _BITS + 2)[:-1].astype(np.float64)
    return sums


def _sum_of_patterns(amounts: Doubles, key: int) -> Floats:
    """The picture [256, 256] that is so much of each pattern."""
    owners, weights = _patterns(key)
    spectrum = (np.append(amounts, 0)[owners] * weights).reshape(_SIDE, _SIDE).astype(np.float32)
    return np.asarray(cv2.dct(spectrum, flags=cv2.DCT_INVERSE), np.float32)


def _signs(payload: int) -> Doubles:
    """Payload and its check as -1 and 1."""
    word = payload << 32 | _check(payload)
    return np.array([1.0 if word >> bit & 1 else -1.0 for bit in range(_BITS)])


def _check(payload: int) -> int:
    return zlib.crc32(payload.to_bytes(PAYLOAD_BITS // 8, "big"))


def _read(reduced: Floats, key: int) -> Mark | None:
    """The payload of a reduced picture, if its check is right, with a few doubtful bits as they make it so."""
    values = _projections(reduced, key)[:_BITS]
    word = sum(1 << bit for bit in range(_BITS) if values[bit] > 0)
    order = np.argsort(np.abs(values))
    for flips in itertools.product((0, 1), repeat=_DOUBTFUL):
        tried = word ^ sum(flip << int(bit) for flip, bit in zip(flips, order, strict=False))
        payload = tried >> 32
        if _check(payload) == tried & 0xFFFFFFFF:
            sure = order[sum(flips) :]
            return Mark(payload, float(np.abs(values[sure[0]])) / _MARGIN)
    return None


def _read_cropped(grey: Floats, key: int) -> Mark | None:
    """The payload of a picture whose borders were cut off: the known pattern says where it lay in the whole."""
    pilot = _sum_of_patterns(np.arange(_BITS + 1) == _BITS, key)
    spectrum = np.fft.rfft2(pilot)
    found: list[tuple[float, _Box]] = []
    for across, down in itertools.product(_CUTS, _CUTS):
        width, height = round(_SIDE * across), round(_SIDE * down)
        match = np.fft.irfft2(np.conj(np.fft.rfft2(_flat(grey, width, height))) * spectrum)
        shifts = match[: _SIDE - height + 1, : _SIDE - width + 1]
        down_by, along_by = divmod(int(np.argmax(shifts)), shifts.shape[1])
        found.append((float(shifts.max() / np.std(match)), (along_by, down_by, width, height)))
    for _, box in sorted(found, reverse=True)[:_PEAKS]:
        part, (left, top, *size) = _part(grey, box), _closer(grey, box, pilot)
        for along, below in _AROUND:  # strong edges of the picture pull the best fit a little aside
            mark = _read(_placed(part, (left + along, top + below, *size)), key)
            if mark is not None:
                return mark
    return None


def _closer(grey: Floats, box: _Box, pilot: Floats) -> _Box:
    """The box where the known pattern fits best, to a quarter of a pixel of the canvas."""
    flat = _flat(grey, int(box[2]), int(box[3]))[: int(box[3]), : int(box[2])]

    def fit(box: _Box) -> float:
        return float(np.vdot(_placed(flat, box), pilot))

    best = fit(box)
    for step in _STEPS:
        better = True
        while better:
            better = False
            for move in _MOVES:
                tried = tuple(value + step * by for value, by in zip(box, move, strict=True))
                if (value := fit(tried)) > best:
                    best, box, better = value, tried, True
    return box


def _part(grey: Floats, box: _Box) -> Floats:
    """The picture at the size it has in a box, its slow changes taken out, so that its edges are none."""
    part = cv2.resize(grey, (int(box[2]), int(box[3])), interpolation=cv2.INTER_AREA)
    detail: Floats = (part - cv2.GaussianBlur(part, (0, 0), 4)).astype(np.float32)
    return detail


def _flat(grey: Floats, width: int, height: int) -> Floats:
    """The same at the canvas's corner, all frequencies about as strong: what the picture shows weighs less then."""
    canvas = np.zeros((_SIDE, _SIDE), np.float32)
    canvas[:height, :width] = _part(grey, (0, 0, width, height))
    spectrum = np.fft.rfft2(canvas)
    flat: Floats = np.fft.irfft2(spectrum / (np.abs(spectrum) + 1e-3) ** 0.8).astype(np.float32)
    return flat


def _placed(part: Floats, box: _Box) -> Floats:
    """A part put on the canvas where a box says, between pixels too."""
    left, top, width, height = box
    across, down = width / part.shape[1], height / part.shape[0]
    matrix = np.array([[across, 0, left + (across - 1) / 2], [0, down, top + (down - 1) / 2]])
    return np.asarray(cv2.warpAffine(part, matrix, (_SIDE, _SIDE), flags=cv2.INTER_CUBIC), np.float32)
