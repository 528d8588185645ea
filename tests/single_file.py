"""A tiny Stable Diffusion in one file, with the names that its weights have there (those of CompVis's code)."""

import re
import shutil
from pathlib import Path
from typing import Any

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def single_file(file: Path, folder: Path) -> Path:
    """The weights of a folder of `pipelines.sd` in one file, its configuration in a folder beside it."""
    from safetensors.torch import load_file, save_file

    parts = {name: load_file(next((folder / name).glob("*.safetensors"))) for name in ("unet", "vae", "text_encoder")}
    text = "cond_stage_model.transformer.text_model."
    weights = {f"model.diffusion_model.{_unet(name)}": one for name, one in parts["unet"].items()}
    weights |= {f"first_stage_model.{_vae(name)}": _planes(name, one) for name, one in parts["vae"].items()}
    weights |= {text + name.removeprefix("text_model."): one for name, one in parts["text_encoder"].items()}
    save_file({name: one.contiguous() for name, one in weights.items()}, file)
    shutil.copytree(folder, file.with_suffix(""), ignore=shutil.ignore_patterns("*.safetensors"))
    return file


def _unet(name: str) -> str:
    """Of a network with one layer in each of its blocks on the way down, and so two on the way up."""
    for new, old in _UNET.items():
        if name.startswith(f"{new}."):
            return _within(name.replace(new, old, 1))
    found = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name)
    assert found is not None, name
    way, block, kind, layer, rest = found.groups()
    if kind == "downsamplers":
        return f"input_blocks.{2 + 2 * int(block)}.0.{rest.replace('conv.', 'op.', 1)}"
    if way == "down":
        return _within(f"input_blocks.{1 + 2 * int(block)}.{int(kind == 'attentions')}.{rest}")
    place = 2 * int(block) + int(layer) + (kind == "upsamplers")
    which = {"resnets": 0, "attentions": 1, "upsamplers": 2}[kind]
    return _within(f"output_blocks.{place}.{which}.{rest}")


def _within(name: str) -> str:
    for new, old in _RESNET.items():
        name = re.sub(rf"(blocks\.\d+\.0|middle_block\.[02])\.{new}\.", rf"\1.{old}.", name)
    return name


def _vae(name: str) -> str:
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda at: f"up.{1 - int(at[1])}.block.{at[2]}", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda at: f"up.{1 - int(at[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda at: f"mid.block_{int(at[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        for new, old in _ATTENTION.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("conv_shortcut", "nin_shortcut")
    return name.replace("conv_norm_out", "norm_out")


def _planes(name: str, weight: Any) -> Any:
    """Attention of the autoencoder is written as convolutions of one pixel."""
    linear = "attentions" in name and name.endswith("weight") and weight.ndim == 2
    return weight[:, :, None, None] if linear else weight
