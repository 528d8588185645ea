"""Denoising beside the standard methods: white Gaussian noise in sRGB, not clipped or rounded, as papers have it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec

import cv2
import numpy as np

from indexer.types import Floats
from tuner.enhance.denoise import OPERATION, Denoise
from tuner.evaluate.comparison import OURS, Case, Row, Truth, compare
from tuner.raster import Raster, from_bytes, to_bytes
from tuner.work import Work

SIGMAS = (15, 25, 50)


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """A row for each sigma and method. All are given sigma, but our default, which estimates it."""
    for sigma in SIGMAS:
        cases = [Case(truth, noisy(truth.rgb, sigma, (work.seed, sigma, place))) for place, truth in enumerate(truths)]
        yield from compare("denoise", f"sigma {sigma}", cases, _methods(sigma, work), work)


def noisy(rgb: Floats, sigma: float, seed: Sequence[int]) -> Raster:
    """With noise of a standard deviation of 255: values go beyond 0..1."""
    noise = np.random.default_rng(seed).standard_normal(rgb.shape, np.float32)
    return Raster(rgb + noise * np.float32(sigma / 255))


def _methods(sigma: float, work: Work) -> Mapping[str, Callable[[Case], Floats]]:
    def ours(**given: object) -> Callable[[Case], Floats]:
        parameters = Denoise.model_validate(given)
        return lambda case: OPERATION.apply(case.given, parameters, work).rgb

    methods: dict[str, Callable[[Case], Floats]] = {
        "input": lambda case: case.given.rgb,
        OURS: ours(),
        "pixloom, sigma given": ours(sigma=sigma),
        "pixloom, quick": ours(sigma=sigma, effort="quick"),
        "scikit-image NLM": ours(sigma=sigma, method="nlm"),
        "cv2 NLM": lambda case: _means(case.given.rgb, sigma),
    }
    if find_spec("pywt") is not None:  # scikit-image needs it for wavelets, and doesn't ask for it
        methods["scikit-image wavelet"] = lambda case: _wavelet(case.given.rgb, sigma / 255)
    if find_spec("bm3d") is not None:  # its licence forbids commercial use: it is never a dependency
        methods["bm3d"] = lambda case: _bm3d(case.given.rgb, sigma / 255)
    return methods


def _wavelet(rgb: Floats, sigma: float) -> Floats:
    """BayesShrink (Chang et al. 2000) on Y, Cb and Cr."""
    from skimage.restoration import denoise_wavelet

    made: Floats = denoise_wavelet(rgb, sigma=sigma, convert2ycbcr=True, channel_axis=2, rescale_sigma=True)
    return made


def _means(rgb: Floats, sigma: float) -> Floats:
    """OpenCV's non-local means, which takes bytes; of strengths of 0.4 to 1.2 of sigma, the one that suits it best."""
    return from_bytes(
        np.asarray(cv2.fastNlMeansDenoisingColored(to_bytes(rgb), None, 0.6 * sigma, 0.6 * sigma, 7, 21), np.uint8)
    ).rgb


def _bm3d(rgb: Floats, sigma: float) -> Floats:
    """Block matching in three dimensions, for colour (Dabov et al. 2007)."""
    from bm3d import bm3d_rgb

    made: Floats = bm3d_rgb(rgb.astype(np.float64), sigma).astype(np.float32)
    return made
