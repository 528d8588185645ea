"""`upscale` on reduced pictures, beside bicubic and Lanczos interpolation."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from indexer.types import Floats
from tuner.enhance.enlarge import enlarged, resized
from tuner.enhance.upscale import UpscaleParameters, upscale
from tuner.evaluate.comparison import OURS, Case, Measure, Row, Truth, compare
from tuner.evaluate.measures import cropped, gmsd, luma, psnr, ssim
from tuner.raster import Raster
from tuner.work import Work


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """Rows of x2, and of x3 and x4 where the models for these are here. PSNR and SSIM are those of Y with as many
    pixels cut off at each edge as the factor; pictures are reduced by antialiased bicubic interpolation to 8 bits."""
    for factor in (2, 3, 4):
        if factor == 2 or work.model(f"dat-light-x{factor}") is not None:
            cases = [reduced(truth, factor) for truth in truths]
            yield from compare("upscale", f"x{factor}", cases, _methods(factor, work), work, _measures(factor))


def reduced(truth: Truth, factor: int) -> Case:
    """The truth, cut to a multiple of the factor, and what is left of it at a factor-th of the size."""
    height, width = (side // factor * factor for side in truth.rgb.shape[:2])
    rgb = truth.rgb[:height, :width]
    small = np.clip(resized(rgb, width // factor, height // factor), 0, 1)
    return Case(Truth(truth.name, rgb), Raster((np.rint(small * 255) / 255).astype(np.float32)))


def _methods(factor: int, work: Work) -> dict[str, Callable[[Case], Floats]]:
    def interpolated(how: Image.Resampling) -> Callable[[Case], Floats]:
        return lambda case: resized(case.given.rgb, case.given.size[0] * factor, case.given.size[1] * factor, how)

    return {
        "bicubic": interpolated(Image.Resampling.BICUBIC),
        "Lanczos": interpolated(Image.Resampling.LANCZOS),
        "pixloom quick": lambda case: enlarged(case.given.rgb, factor, work),
        OURS: lambda case: upscale(case.given, UpscaleParameters(factor=factor), work).rgb,
    }


def _measures(factor: int) -> dict[str, Measure]:
    def of_luma(rgb: Floats) -> Floats:
        return cropped(luma(rgb), factor)

    return {
        "psnr": lambda case, made: psnr(of_luma(case.truth.rgb), of_luma(made)),
        "ssim": lambda case, made: ssim(of_luma(case.truth.rgb), of_luma(made)),
        "gmsd": lambda case, made: gmsd(case.truth.rgb, made),
    }
