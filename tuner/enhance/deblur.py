"""`deblur`: undoes a blur that is known, or found from the picture's spectrum."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.enhance import psf
from tuner.enhance.blur import Blur, Kind, estimated
from tuner.enhance.deconvolve import deconvolve
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster, luminance
from tuner.tiles import tiled
from tuner.work import Work

DOUBT = 1.5
"""Times the estimated noise that is reckoned with: kernels are never quite right, and neither are estimates."""
SLIGHT = {"gaussian": 0.8, "disk": 1.3, "motion": 5.0}
"""Extents in pixels below which a blur that is found may be how a sharp picture looks: undoing it would only ring."""
ENOUGH = 2048
"""Pixels a side of the middle that a blur is found from."""


class DeblurParameters(Parameters):
    """How `deblur` is done."""

    kernel: Literal["auto", "gaussian", "motion", "disk", "file"] = Field(
        "auto", description="what blurred it: auto finds it; motion of the camera, disk of a lens out of focus"
    )
    radius: float = Field(
        0, ge=0, le=20, description="pixels: sigma of a gaussian, radius of a disk; 0: found from the picture"
    )
    length: float = Field(0, ge=0, le=60, description="pixels of a motion; 0: found from the picture, with its angle")
    angle: float = Field(0, ge=-360, le=360, description="degrees of a motion, from the right anticlockwise")
    file: str = Field("", description="a small grey picture of the kernel, an id or a file, for kernel=file")
    noise: float = Field(0, ge=0, le=50, description="sigma of the picture's noise, of 255; 0: estimated")


def deblur(raster: Raster, parameters: DeblurParameters, work: Work) -> Raster:
    """The picture with its blur undone, each channel by the same kernel.

    Where a blur was found a note says which, and where none was the picture comes back as it was. UsageError,
    NotFoundError and TuneError for a kernel's picture that can't be used.
    """
    grey = _middle(luminance(raster.rgb))
    noise = parameters.noise / 255 if parameters.noise else DOUBT * max(_noise(grey), 0.5 / 255)
    blur = _given(parameters, work)
    if blur is None:
        kinds: tuple[Kind, ...] = ("gaussian", "disk", "motion")
        kinds = tuple(kind for kind in kinds if parameters.kernel in ("auto", kind))
        blur = estimated(grey, max(noise, 0.3 / 255), work, kinds)
        if blur.kind == "none" or blur.extent < SLIGHT[blur.kind]:
            work.note("No blur was found; say which it is with kernel, radius, length and angle.")
            return raster
        work.note(_told(blur))
    kernel = blur.kernel
    halo = 4 * kernel.shape[0]

    def undo(part: Floats) -> Floats:
        return np.stack([deconvolve(channel, kernel, noise) for channel in _channels(part, work)], axis=2)

    if (raster.rgb == raster.rgb[..., :1]).all():  # grey: once is enough
        return raster.with_rgb(np.repeat(tiled(undo, raster.rgb[..., :1], work, halo=halo, what="deblurring"), 3, 2))
    return raster.with_rgb(tiled(undo, raster.rgb, work, halo=halo, what="deblurring"))


def _channels(part: Floats, work: Work) -> Iterator[Floats]:
    for number in range(part.shape[2]):
        work.step(number, part.shape[2], "deblurring")
        yield part[..., number]


def _given(parameters: DeblurParameters, work: Work) -> Blur | None:
    """The blur that the parameters describe; None where it has to be found."""
    match parameters.kernel:
        case "gaussian" if parameters.radius:
            return Blur("gaussian", psf.gaussian(parameters.radius), parameters.radius)
        case "disk" if parameters.radius:
            return Blur("disk", psf.disk(parameters.radius), parameters.radius)
        case "motion" if parameters.length:
            kernel = psf.motion(parameters.length, parameters.angle)
            return Blur("motion", kernel, parameters.length, parameters.angle)
        case "file":
            if not parameters.file or work.pictures is None:
                raise UsageError("kernel=file needs the parameter file: a picture of the kernel, an id or a file.")
            return Blur("file", psf.from_picture(luminance(work.pictures.open(parameters.file).rgb)))
    return None


def _told(blur: Blur) -> str:
    match blur.kind:
        case "gaussian":
            return f"A blur like a bell of sigma {blur.extent:.1f} pixels was found and undone."
        case "disk":
            return f"A blur as of a lens out of focus, a disk of radius {blur.extent:.1f} pixels, was found and undone."
        case "motion":
            return f"A motion of {blur.extent:.0f} pixels at {blur.angle:.0f} degrees was found and undone."
    return "The blur that was given was undone."


def _middle(grey: Floats) -> Floats:
    top, left = (max(0, (side - ENOUGH) // 2) for side in grey.shape)
    return grey[top : top + ENOUGH, left : left + ENOUGH]


def _noise(grey: Floats) -> float:
    """Sigma of the noise, 0..1, by the finest wavelets' median (Donoho and Johnstone 1994), here of Haar's."""
    even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    diagonal = (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2
    return float(np.median(np.abs(diagonal)) / 0.6745) if diagonal.size else 0.0


OPERATION = Operation(
    name="deblur",
    summary="undo the blur of a moved camera or a lens out of focus, given or found from the picture",
    task="enhance",
    parameters=DeblurParameters,
    apply=deblur,
    methods=(
        Method(
            "sparse",
            "deconvolution with a hyper-Laplacian prior (Krishnan and Fergus 2009); the kernel by its spectrum",
            seconds=20,
            memory=200,
        ),
    ),
    references=("file",),
)
