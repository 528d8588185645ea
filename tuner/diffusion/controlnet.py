"""ControlNets (Zhang et al. 2023): what is generated follows the edges, or the depth, of a picture."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from indexer.errors import TuneError, UsageError

_FITTING = ("cross_attention_dim", "block_out_channels", "addition_embed_type", "transformer_layers_per_block")
"""What a ControlNet and the UNet that it was made from have in common."""
_WEIGHTS = "diffusion_pytorch_model"


def load_controlnet(folder: Path, pipe: Any, model: str) -> Any:
    """The ControlNet of a folder, in the precision and on the device of a diffusers pipeline; `model` is its name.

    Kept in memory until another is asked for. UsageError for a model of another kind than Stable Diffusion's UNets,
    TuneError for a folder that holds no ControlNet, or one for another model.
    """
    unet = getattr(pipe, "unet", None)
    if unet is None:
        raise UsageError(f"{model} takes no control: models that do are of the kinds of sd15 and sdxl-base.")
    config = folder / "config.json"
    if not config.is_file():
        raise TuneError(f"There is no ControlNet in {folder}: it should hold config.json and {_WEIGHTS}.safetensors.")
    network = _loaded(folder, config.stat().st_mtime_ns)
    for name in _FITTING:
        wanted, given = (getattr(one.config, name, None) for one in (unet, network))
        if _listed(wanted) != _listed(given):
            raise TuneError(
                f"The ControlNet {folder} isn't made for {model}: its {name} is {given}, that of the model {wanted}."
            )
    return network.to(device=unet.device, dtype=unet.dtype)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@lru_cache(maxsize=1)
def _loaded(folder: Path, _changed: int) -> Any:
    """Of a folder: tensors and configuration only, never code of it."""
    from diffusers import ControlNetModel

    half = not (folder / f"{_WEIGHTS}.safetensors").exists() and (folder / f"{_WEIGHTS}.fp16.safetensors").exists()
    try:
        return ControlNetModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, variant="fp16" if half else None
        ).eval()
    except MemoryError:
        raise
    except Exception as error:  # a folder of a stranger: diffusers raises whatever its parts raise
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise TuneError(f"{folder} holds no ControlNet that can be loaded: {said}") from error
