"""A diffusion model asked for one picture: from words, from a picture, or for what a mask hides."""

from typing import Any

import numpy as np

from tuner.diffusion.ask import Ask
from tuner.raster import Raster
from tuner.work import Work


def paint(model: str, ask: Ask, work: Work) -> Raster:
    """The picture that is asked for.

    `model` is a name of the table, a hub id, a folder, a file of weights, or `auto`. Of the size of `ask.picture`, with
    its depth and transparency, where there is one; what the mask leaves out is bit-equal to it. The same seed gives the
    same pixels. Says where it stands by `work.step` at every step of the schedule, and can be stopped there.
    """
    import torch
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, DiffusionPipeline
    from PIL import Image

    from tuner.raster import to_bytes

    loader: Any = DiffusionPipeline
    pipe = loader.from_pretrained(model, use_safetensors=True, local_files_only=True)
    given: dict[str, Any] = {
        "prompt": ask.prompt,
        "generator": torch.Generator("cpu").manual_seed(work.seed),
        "output_type": "np",
    }
    given["num_inference_steps"] = ask.steps or 4
    if ask.picture is not None:
        given |= {"image": Image.fromarray(to_bytes(ask.picture.rgb)), "strength": ask.strength}
        kind = AutoPipelineForImage2Image if ask.mask is None else AutoPipelineForInpainting
        pipe = kind.from_pipe(pipe)
    else:
        given |= {"width": ask.width, "height": ask.height}
    if ask.mask is not None:
        given["mask_image"] = Image.fromarray(to_bytes(ask.mask))
    made = np.asarray(pipe(**given).images[0], np.float32)
    return ask.picture.with_rgb(made) if ask.picture is not None else Raster(made)
