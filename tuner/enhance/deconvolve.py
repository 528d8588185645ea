"""Undoing a known blur: half-quadratic splitting between the blur, in Fourier space, and a prior of pictures."""

from collections.abc import Callable

import numpy as np

from indexer.types import Floats
from tuner.enhance.psf import transfer

Prior = Callable[[Floats, float], Floats]
"""(gradients [h, w], beta) -> gradients as the prior wants them; the larger beta, the less they change."""
ROUNDS = 16
FIRST, LAST = 10.0, 1000.0
"""beta of the first and the last round."""
POWER = 0.8
"""Of the hyper-Laplacian: gradients of natural pictures have heavier tails than a Laplacian's, whose power is 1."""
TRUST = 0.25
"""How much the given picture counts, over the variance of its noise; chosen on CBSD, as are power and rounds."""


def hyper_laplacian(gradients: Floats, beta: float) -> Floats:
    """Shrinkage for a penalty of that power (Chartrand 2014's generalisation of soft thresholding)."""
    size = np.abs(gradients)
    kept: Floats = np.sign(gradients) * np.maximum(0, size - np.maximum(size, 1e-6) ** (POWER - 1) / beta)
    return kept


def deconvolve(channel: Floats, kernel: Floats, noise: float, prior: Prior = hyper_laplacian) -> Floats:
    """[h, w] in 0..1, blurred by `kernel` [n, n] and with noise of that sigma -> [h, w], not clipped.

    As Krishnan and Fergus 2009: minimises trust / 2 * |kernel * x - given|^2 + sum |gradient x|^0.8 by solving in
    turns for x, in Fourier space, and for gradients, pixel by pixel. `noise` is at least 0.5 of 255.
    """
    halo = 2 * kernel.shape[0]
    given = periodic(channel, kernel, halo)
    blur = transfer(kernel, given.shape)
    edges = [transfer(np.array(line, np.float32), given.shape) for line in ([[-1, 1, 0]], [[-1], [1], [0]])]
    power = np.square(np.abs(blur))
    roughness = np.square(np.abs(edges[0])) + np.square(np.abs(edges[1]))
    trust = TRUST / max(noise, 0.5 / 255) ** 2
    inner = np.s_[halo : halo + channel.shape[0], halo : halo + channel.shape[1]]
    spectrum = np.fft.rfft2(given)
    for beta in np.geomspace(FIRST, LAST, ROUNDS):
        pull = np.zeros_like(spectrum)
        for edge in edges:
            wanted = prior(np.fft.irfft2(edge * spectrum, given.shape).astype(np.float32), float(beta))
            pull += np.conj(edge) * np.fft.rfft2(wanted)
        seen = np.conj(blur) * np.fft.rfft2(given)
        spectrum = (seen + beta / trust * pull) / (power + beta / trust * roughness + 1e-9)
        # What lies outside isn't known: it shall say nothing against what was found so far.
        given = np.fft.irfft2(blur * spectrum, given.shape).astype(np.float32)
        given[inner] = channel
    outcome: Floats = np.fft.irfft2(spectrum, given.shape)[inner].astype(np.float32)
    return outcome


def periodic(channel: Floats, kernel: Floats, halo: int) -> Floats:
    """[h, w] -> [h + 2 halo, w + 2 halo] whose opposite edges meet as if they had been blurred into each other.

    Fourier space has no edges; a step there would ring through the whole outcome. The picture is reflected, and in
    the halo fades into a blurred copy of itself.
    """
    from scipy.fft import next_fast_len

    height, width = (next_fast_len(side + 2 * halo, real=True) - side - 2 * halo for side in channel.shape)
    given = np.pad(channel, ((halo, halo + height), (halo, halo + width)), mode="symmetric")
    down, across = (_taper(side, halo) for side in given.shape)
    inside = down[:, None] * across[None, :]
    blur = transfer(kernel, given.shape)
    for _ in range(3):
        softened = np.fft.irfft2(blur * np.fft.rfft2(given), given.shape).astype(np.float32)
        given = inside * given + (1 - inside) * softened
    return given


def _taper(side: int, halo: int) -> Floats:
    nearness = np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5) / halo
    rising: Floats = (np.sin(np.clip(nearness, 0, 1) * np.pi / 2) ** 2).astype(np.float32)
    return rising
