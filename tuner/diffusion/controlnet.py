"""ControlNets (Zhang et al. 2023): what is generated follows the edges, or the depth, of a picture."""

import inspect
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from indexer.config import Settings
from indexer.errors import TuneError
from tuner.creative.fitting import filling
from tuner.diffusion.ask import Ask
from tuner.diffusion.companions import companion_file, network_file, refusal
from tuner.diffusion.pipelines import Mode
from tuner.diffusion.sizes import Sizes, towards
from tuner.diffusion.sources import Source

_FITTING = ("cross_attention_dim", "block_out_channels", "addition_embed_type", "transformer_layers_per_block")
"""What a ControlNet and the UNet that it was made from have in common."""
_WEIGHTS = "diffusion_pytorch_model"


def controlled(pipe: Any, mode: Mode, source: Source, ask: Ask, settings: Settings) -> Any:
    """A pipeline of the same parts that follows the map that is asked for; the same one where none is.

    UsageError for a model that takes no control, or whose ControlNet isn't here; TuneError for a folder that holds no
    ControlNet, or one for another model.
    """
    if ask.control is None:
        return pipe
    import diffusers

    if getattr(pipe, "unet", None) is None:
        raise refusal(source, ask.control)
    found = network_file(ask.control_model, settings) if ask.control_model else None
    path = found or companion_file(source, ask.control, settings)
    network = _fitting(path.parent if path.is_file() else path, pipe, source)
    kinds: dict[Mode, Any] = {
        "text": diffusers.AutoPipelineForText2Image,
        "picture": diffusers.AutoPipelineForImage2Image,
        "mask": diffusers.AutoPipelineForInpainting,
    }
    try:
        return kinds[mode].from_pipe(pipe, controlnet=network)
    except ValueError as error:  # diffusers has no such class
        raise refusal(source, ask.control) from error


def shown(ask: Ask, sizes: Sizes, plain: Any) -> dict[str, Any]:
    """The arguments of a controlled pipeline's call: the map's middle of the outcome's shape, in the padded size; and
    the guidance of the `plain` pipeline, where its own default is another."""
    if ask.control is None or ask.control_map is None:
        return {}
    import torch

    planes = np.moveaxis(towards(filling(ask.control_map, sizes.outcome), sizes), 2, 0)
    name = "image" if ask.picture is None else "control_image"
    given = torch.from_numpy(np.ascontiguousarray(planes))[None]
    guidance = inspect.signature(plain.__call__).parameters["guidance_scale"].default
    return {name: given, "controlnet_conditioning_scale": ask.control_scale, "guidance_scale": guidance}


def _fitting(folder: Path, pipe: Any, source: Source) -> Any:
    """The ControlNet of a folder, in the pipeline's precision; kept in memory until another is asked for."""
    config = folder / "config.json"
    if not config.is_file():
        raise TuneError(f"There is no ControlNet in {folder}: it should hold config.json and {_WEIGHTS}.safetensors.")
    if '"ControlNetModel"' not in config.read_text(encoding="utf-8", errors="replace"):
        raise TuneError(f"{folder} holds no ControlNet that can be loaded: {config.name} is of something else.")
    network = _loaded(folder, config.stat().st_mtime_ns, pipe.unet.dtype)
    for name in _FITTING:
        wanted, given = (getattr(one.config, name, None) for one in (pipe.unet, network))
        if _listed(wanted) != _listed(given):
            raise TuneError(
                f"The ControlNet {folder} isn't for {source.name}: its {name} is {given}, that of the model {wanted}."
            )
    return network


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@lru_cache(maxsize=1)
def _loaded(folder: Path, _changed: int, dtype: Any) -> Any:
    """Of a folder: tensors and configuration only, never code of it."""
    from diffusers import ControlNetModel

    half = not (folder / f"{_WEIGHTS}.safetensors").exists() and (folder / f"{_WEIGHTS}.fp16.safetensors").exists()
    variant = "fp16" if half else None
    try:
        return ControlNetModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, variant=variant, torch_dtype=dtype
        ).eval()
    except MemoryError:
        raise
    except Exception as error:  # a folder of a stranger: diffusers raises whatever its parts raise
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise TuneError(f"{folder} holds no ControlNet that can be loaded: {said}") from error
