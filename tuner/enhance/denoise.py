"""Noise taken out of a picture, as strong as it is given or found."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import BeforeValidator, Field

from indexer.types import Floats
from tuner.enhance.noise_level import noise_level
from tuner.networks import cleaner
from tuner.operation import Method, Operation, Parameters, number_or_auto
from tuner.raster import Raster, is_grey
from tuner.tiles import tiled
from tuner.work import Work

LEAST = 0.75
"""Sigma, of 255, below which nobody sees noise, and what is found may be the picture's own texture."""
COMMON = 3**0.5
"""Noise that three channels have in common counts for so much more than the network expects of three apart."""


class Denoise(Parameters):
    """Parameters of `denoise`."""

    sigma: Annotated[
        Annotated[float, Field(ge=0, le=100)] | Literal["auto"], BeforeValidator(number_or_auto(0, 100))
    ] = Field("auto", description="standard deviation of the noise, of 255; auto estimates it from the picture")
    strength: float = Field(1.0, ge=0, le=1, description="how much of the noise found is taken away, 0 to 1")
    method: str = Field("auto", description="auto, network, nlm, or scunet-psnr where that model was pulled")
    effort: Literal["quick", "best"] = Field(
        "best", description="best: the mean of eight looks by the network; quick: one, as in previews"
    )


def denoise(picture: Raster, parameters: Denoise, work: Work) -> Raster:
    """The picture with less noise. Where none is found, and sigma is auto, it is given back as it is."""
    method = OPERATION.resolve(parameters, work)
    sigma = parameters.sigma
    if sigma == "auto":
        sigma = 255 * noise_level(picture.rgb)
        if method.model is None and sigma < LEAST:
            work.note("No noise was found. Give sigma (of 255) if there is some to take out.")
            return picture
        work.note(f"Noise of sigma {sigma:.1f} of 255 was found.")
    if method.model is not None:
        made = _by_model(method.model, picture.rgb, work)
    elif method.name == "nlm":
        made = _by_means(picture.rgb, sigma / 255, work)
    else:
        best = parameters.effort == "best" and not work.preview
        told = sigma / 255 * (COMMON if is_grey(picture.rgb) else 1)
        made = cleaner.cleaned(cleaner.NOISE, picture.rgb, told, work, what="noise", best=best)
    if parameters.strength < 1:
        made = picture.rgb + np.float32(parameters.strength) * (made - picture.rgb)
    return picture.with_rgb(made)


def _by_means(rgb: Floats, sigma: float, work: Work) -> Floats:
    """Non-local means (Buades et al. 2005) as scikit-image has it, `h` as its authors advise for a known sigma."""
    from skimage.restoration import denoise_nl_means

    size, distance = 5, 6

    halo = size + distance  # beyond the search window a patch reaches out by half its size

    def part(picture: Floats) -> Floats:
        height, width = picture.shape[:2]
        missing = (0, max(0, halo - height), 0, max(0, halo - width))
        made = denoise_nl_means(
            cv2.copyMakeBorder(picture, *missing, cv2.BORDER_REPLICATE),
            size,
            distance,
            h=0.8 * sigma,
            sigma=sigma,
            fast_mode=True,
            channel_axis=2,
        )
        same: Floats = made[:height, :width].astype(np.float32)
        return same

    if sigma == 0:
        return rgb
    return tiled(part, rgb, work, halo=halo, what="noise")


def _by_model(model: str, rgb: Floats, work: Work) -> Floats:
    """A network of the model table, blind: it needs no sigma."""
    from tuner.networks.restoration import restore_with

    path = work.model(model)
    assert path is not None, "a method is resolved only where its model is here"
    return restore_with(path, rgb, work)


OPERATION = Operation(
    name="denoise",
    summary="take out noise: given as sigma, or as strong as it is found to be",
    task="enhance",
    parameters=Denoise,
    apply=denoise,
    methods=(
        Method("network", "a small U-Net that ships, told the noise level (as FFDNet, Zhang et al. 2018)", 4.0, 250),
        Method("nlm", "non-local means (Buades et al. 2005) by scikit-image", 2.0, 250),
        Method("scunet-psnr", "SCUNet (Zhang et al. 2023), for unknown noise", 60.0, 6000, model="scunet-psnr"),
    ),
)
