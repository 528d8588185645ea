"""`deblur` on blurred pictures with a little noise, kernel known and unknown, beside scikit-image's deconvolutions."""

from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

import numpy as np

from indexer.types import Floats
from tuner.enhance import psf
from tuner.enhance.deblur import DeblurParameters, deblur
from tuner.evaluate.comparison import OURS, Case, Row, Truth, compare
from tuner.raster import Raster
from tuner.work import Work

NOISE = 1.5 / 255
BORDER = 16
"""Pixels cut off after blurring, so that light comes in over the edges from what isn't seen, as in photographs."""
BLURS: tuple[DeblurParameters, ...] = (
    *(DeblurParameters(kernel="gaussian", radius=sigma) for sigma in (1.5, 2.0, 2.5)),
    *(DeblurParameters(kernel="motion", length=n, angle=a) for n, a in ((9, 27), (13, 101), (17, 152), (21, 66))),
    *(DeblurParameters(kernel="disk", radius=radius) for radius in (3.0, 4.5)),
)


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """Rows of every blur in BLURS; `pixloom` is told the kernel, `pixloom, kernel unknown` is not."""
    for blur in BLURS:
        kernel = kernel_of(blur)
        cases = [blurred(truth, kernel) for truth in truths]
        size = f"length {blur.length:g}" if blur.kernel == "motion" else f"radius {blur.radius:g}"
        yield from compare("deblur", f"{blur.kernel}, {size}", cases, _methods(blur, kernel, work), work)


def kernel_of(blur: DeblurParameters) -> Floats:
    """The kernel that parameters describe."""
    if blur.kernel == "motion":
        return psf.motion(blur.length, blur.angle)
    return psf.gaussian(blur.radius) if blur.kernel == "gaussian" else psf.disk(blur.radius)


def blurred(truth: Truth, kernel: Floats) -> Case:
    """The truth without its border, and the same blurred, with noise, in 8 bits; the noise is its name's."""
    rng = np.random.default_rng(crc32(truth.name.encode()))
    given = psf.blurred(truth.rgb, kernel) + rng.normal(0, NOISE, truth.rgb.shape)
    given = (np.rint(np.clip(given, 0, 1) * 255) / 255).astype(np.float32)
    inner = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    return Case(Truth(truth.name, truth.rgb[inner]), Raster(np.ascontiguousarray(given[inner])))


def _methods(blur: DeblurParameters, kernel: Floats, work: Work) -> dict[str, Callable[[Case], Floats]]:
    from skimage.restoration import richardson_lucy, unsupervised_wiener, wiener

    def by_channel(undo: Callable[[Floats], Floats]) -> Callable[[Case], Floats]:
        return lambda case: np.stack([undo(case.given.rgb[..., number]) for number in range(3)], axis=2)

    return {
        "blurred": lambda case: case.given.rgb,
        "Richardson-Lucy, 30 rounds": by_channel(lambda channel: richardson_lucy(channel, kernel, num_iter=30)),
        "Wiener": by_channel(lambda channel: wiener(channel, kernel, balance=0.01)),
        "unsupervised Wiener": by_channel(lambda channel: unsupervised_wiener(channel, kernel, rng=0)[0]),
        OURS: lambda case: deblur(case.given, blur, work).rgb,
        f"{OURS}, kernel unknown": lambda case: deblur(case.given, DeblurParameters(), work).rgb,
    }
