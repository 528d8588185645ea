"""How strong the noise of a picture is, from the picture alone."""

import numpy as np

from indexer.types import Floats
from tuner.raster import is_grey

PATCH = 8
ENOUGH = 10_000
"""Patches that are looked at; more tell nothing new."""
CLIPPED = 0.05
"""Patches of which a larger part is black or white tell too little: their noise was cut off."""
SMOOTH = 0.1
"""Part of a grey picture's patches that is smooth enough to tell its noise."""


def noise_level(rgb: Floats) -> float:
    """Sigma of Gaussian noise on [h, w, 3], in its own units (0..1); 0 for a picture smaller than a patch.

    Patches of a clean picture lie near a few dimensions, and white noise is the same in all of them: eigenvalues of
    the patches' covariance are dropped from the largest down until those that are left lie evenly about their mean,
    which is the noise's variance (Chen, Zhu and Heng 2015). Grey patches fill their dimensions too well for that: of
    those with the least at low frequencies, the highest ones are taken for noise (after Liu et al. 2013). Noise that
    is blurred, as that of JPEG files often is, or that colours have in common, as in sepia, counts for less than it is.
    """
    height, width = rgb.shape[:2]
    if min(height, width) < PATCH:
        return 0.0
    grey = is_grey(rgb)
    windows = np.lib.stride_tricks.sliding_window_view(rgb[..., :1] if grey else rgb, (PATCH, PATCH), (0, 1))
    stride = max(1, int(np.sqrt(windows.shape[0] * windows.shape[1] / ENOUGH)))
    stride += stride > 2 and stride % 2 == 0  # an odd one meets every column of a sensor's pattern
    patches = windows[::stride, ::stride].reshape(-1, windows.shape[2] * PATCH * PATCH)
    clipped = np.mean((patches == 0) | (patches == 1), 1)
    kept = patches[clipped <= CLIPPED]
    least = 4 * patches.shape[1]
    if len(kept) < min(len(patches), least):
        kept = patches[np.argsort(clipped, kind="stable")[:least]]
    return float(np.sqrt(_of_smooth(kept) if grey else _of_few_dimensions(kept)))


def _of_few_dimensions(patches: Floats) -> float:
    """Variance of noise on [n, values]: mean of the smallest eigenvalues whose median is not below it."""
    patches = patches - patches.mean(0)
    values = np.maximum(np.linalg.eigvalsh(patches.T @ patches / np.float32(len(patches))), 0)
    counts = np.arange(1, len(values) + 1)
    means = np.cumsum(values) / counts
    medians = (values[(counts - 1) // 2] + values[counts // 2]) / 2
    even = np.flatnonzero(means <= medians)
    return float(means[even[-1]]) if len(even) else 0.0


def _of_smooth(patches: Floats) -> float:
    """Variance of noise on grey [n, values]: white noise has the same at every frequency of the cosine transform."""
    place, wave = np.arange(PATCH), np.arange(PATCH)[:, None]
    basis = np.cos((2 * place + 1) * wave * np.pi / (2 * PATCH)) * np.where(wave == 0, np.sqrt(0.5), 1) / 2
    energy = np.square(patches @ np.kron(basis, basis).T.astype(np.float32))
    order = np.add.outer(np.arange(PATCH), np.arange(PATCH)).ravel()
    texture = energy[:, (order > 0) & (order < PATCH)].sum(1)
    smooth = energy[texture <= np.quantile(texture, SMOOTH)]
    return float(smooth[:, order >= PATCH].mean())
