"""Which blur a picture has: the kernel under which its spectrum is likeliest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.types import Floats
from tuner.enhance.psf import disk, gaussian, motion, transfer
from tuner.work import Work

SIDE = 128
"""Pixels a side of the parts whose spectra are averaged; smaller pictures are reflected."""
PARTS = 100
SLOPES = (1.7, 2.1, 2.6)
"""Natural pictures' power falls with frequency to about the second power (Field 1987)."""
NEAR = tuple((longer, turn) for turn in (-0.4, 0.4, -0.2, 0.2, 0.0) for longer in (-1, 1, 0))
"""What is tried around the best motion: pixels longer, and radians times its length turned."""
Kind = Literal["none", "gaussian", "disk", "motion", "file"]


@dataclass(frozen=True, slots=True)
class Blur:
    """A kernel and what it is."""

    kind: Kind
    kernel: Floats
    extent: float = 0.0
    """Sigma, radius or length, pixels."""
    angle: float = 0.0
    """Degrees from the right, anticlockwise; of a motion."""


def estimated(grey: Floats, noise: float, work: Work, kinds: tuple[Kind, ...] = ("gaussian", "disk", "motion")) -> Blur:
    """The blur of [h, w] in 0..1 with noise of that sigma, among kernels of the kinds and none at all.

    Maximum likelihood of the averaged spectrum (Whittle 1951): its expectation is a power law times the kernel's
    power, plus noise. Motion and disks show by their zeros, bells by a fall that no power law has.
    """
    power = spectrum(grey)
    if power.max() < noise**2:  # nothing is to be seen in it
        return Blur("none", np.ones((1, 1), np.float32))
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    distance = np.hypot(rows, columns)
    # Upright and level edges of the things shown would be taken for motion, and what is coarse is no blur's doing.
    used = (distance > 0.02) & (distance < 0.5) & (np.abs(rows) > 1.5 / SIDE) & (columns > 1.5 / SIDE)
    seen, laws = power[used], [distance[used] ** -slope for slope in SLOPES]
    best, least = Blur("none", np.ones((1, 1), np.float32)), np.inf
    candidates = [best, *(one for kind in kinds for one in _candidates(kind))]
    for number in range(len(candidates) + len(NEAR)):
        if number % 8 == 0:
            work.step(number, len(candidates) + len(NEAR), "finding the blur")
        one = candidates[number] if number < len(candidates) else _near(best, *NEAR[number - len(candidates)])
        passed = np.square(np.abs(transfer(one.kernel, (SIDE, SIDE))))[used]
        cost = min(_cost(seen, passed * law, noise**2) for law in laws)
        if cost < least:
            best, least = one, cost
    return best


def spectrum(grey: Floats) -> np.ndarray:
    """Mean power [SIDE, SIDE // 2 + 1] of parts under a window, scaled so that noise's is its variance (Welch 1967)."""
    grey = np.pad(grey, [(0, max(0, SIDE - side)) for side in grey.shape], mode="symmetric")
    height, width = grey.shape
    stride = max(SIDE // 2, int(np.sqrt(height * width / PARTS)))
    line = np.hanning(SIDE + 2)[1:-1]
    window = np.outer(line, line) / np.sqrt((line**2).sum() ** 2)
    total, parts = np.zeros((SIDE, SIDE // 2 + 1)), 0
    for top in range(0, height - SIDE + 1, stride):
        for left in range(0, width - SIDE + 1, stride):
            part = grey[top : top + SIDE, left : left + SIDE]
            total += np.square(np.abs(np.fft.rfft2((part - part.mean()) * window)))
            parts += 1
    mean: np.ndarray = total / parts
    return mean


def _candidates(kind: Kind) -> Iterator[Blur]:
    match kind:
        case "gaussian":
            for sigma in np.arange(0.6, 4.05, 0.1):
                yield Blur(kind, gaussian(sigma), float(sigma))
        case "disk":
            for radius in np.arange(1.5, 10.1, 0.25):
                yield Blur(kind, disk(radius), float(radius))
        case "motion":
            for length in range(4, 29, 2):
                for angle in np.arange(0, 180, 180 / max(8, length)):
                    yield Blur(kind, motion(length, angle), float(length), float(angle))


def _near(blur: Blur, longer: float, turn: float) -> Blur:
    if blur.kind != "motion":
        return blur
    extent, angle = max(2.0, blur.extent + longer), (blur.angle + np.rad2deg(turn / blur.extent)) % 180
    return Blur("motion", motion(extent, angle), extent, float(angle))


def _cost(seen: np.ndarray, shape: np.ndarray, noise: float) -> float:
    """Negative log-likelihood of powers whose expectations are a shape times the best factor, plus noise."""
    factor = float(np.sum(seen) / np.sum(shape))
    for _ in range(4):  # expectation and maximisation: how much of each is picture, and how strong that is
        expected = factor * shape + noise
        share = factor * shape / expected
        factor *= float(np.sum(share * seen / expected) / np.sum(share))
    expected = factor * shape + noise
    return float(np.mean(np.log(expected) + seen / expected))
