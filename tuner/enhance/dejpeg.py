"""The marks of JPEG compression taken out: blocks, ringing, smeared colour."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from tuner.enhance.compression import jpeg_quality
from tuner.networks import cleaner
from tuner.operation import Method, Operation, Parameters, number_or_auto
from tuner.raster import Raster
from tuner.work import Work


class Dejpeg(Parameters):
    """Parameters of `dejpeg`."""

    quality: Annotated[
        Annotated[float, Field(ge=1, le=100)] | Literal["auto"], BeforeValidator(number_or_auto(1, 100))
    ] = Field("auto", description="the file's JPEG quality, 1 to 100; auto finds it from the picture")
    strength: float = Field(1.0, ge=0, le=1, description="how much of what is found is taken away, 0 to 1")
    method: str = Field("auto", description="auto, network, or fbcnn-color where that model was pulled")
    effort: Literal["quick", "best"] = Field(
        "best", description="best: the mean of eight looks by the network; quick: one, as in previews"
    )


def dejpeg(picture: Raster, parameters: Dejpeg, work: Work) -> Raster:
    """The picture without marks of compression. Where no sign of it is, and quality is auto, it stays as it is."""
    method = OPERATION.resolve(parameters, work)
    if method.model is not None:  # it is blind: it needs no quality
        from tuner.networks.restoration import restore_with

        path = work.model(method.model)
        assert path is not None, "a method is resolved only where its model is here"
        made = restore_with(path, picture.rgb, work)
    else:
        quality = jpeg_quality(picture.rgb) if parameters.quality == "auto" else parameters.quality
        if quality is None:
            work.note("No sign of JPEG compression was found. Give quality (1 to 100) if there is some.")
            return picture
        work.note(f"Taken as JPEG of quality {quality:.0f}.")
        best = parameters.effort == "best" and not work.preview
        made = cleaner.cleaned(cleaner.JPEG, picture.rgb, (100 - quality) / 100, work, what="compression", best=best)
    if parameters.strength < 1:
        made = picture.rgb + np.float32(parameters.strength) * (made - picture.rgb)
    return picture.with_rgb(made)


OPERATION = Operation(
    name="dejpeg",
    summary="take out the marks of JPEG compression: blocks, ringing, smeared colour",
    task="enhance",
    parameters=Dejpeg,
    apply=dejpeg,
    methods=(
        Method("network", "a small U-Net that ships, told the quality that the pixels betray", 4.0, 250),
        Method("fbcnn-color", "FBCNN (Jiang et al. 2021), for any compression", 60.0, 6000, model="fbcnn-color"),
    ),
)
