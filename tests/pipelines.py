"""Tiny but real diffusion pipelines with random weights, saved to folders: the code path of a model from a hub."""

import json
from pathlib import Path
from typing import Any

SIDE = 32
"""Native side in pixels of every tiny pipeline."""
_BYTES = 256


def sd(folder: Path, *, channels: int = 4, seed: int = 0, **changes: Any) -> Path:
    """Stable Diffusion 1.x: UNet, AutoencoderKL, CLIP; `channels` 9 makes it a model for inpainting."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline, StableDiffusionPipeline, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=SIDE // 2,
        in_channels=channels,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
    )
    parts = {"unet": unet, "vae": vae(4), "text_encoder": clip(), "tokenizer": tokenizer(folder)}
    parts |= {
        "safety_checker": None,
        "feature_extractor": None,
        "scheduler": DDIMScheduler(clip_sample=False, steps_offset=1, **_NOISE),
    }
    kind = StableDiffusionPipeline if channels == 4 else StableDiffusionInpaintPipeline
    kind(**parts | changes, requires_safety_checker=False).save_pretrained(folder)
    return folder


def sdxl(folder: Path, *, seed: int = 0) -> Path:
    """Stable Diffusion XL: two text encoders, sizes as conditions."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=SIDE // 2,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 16,
    )
    StableDiffusionXLPipeline(
        unet=unet,
        vae=vae(4),
        text_encoder=clip(),
        text_encoder_2=clip(projection=16),
        tokenizer=tokenizer(folder),
        tokenizer_2=tokenizer(folder),
        scheduler=EulerDiscreteScheduler(timestep_spacing="leading", steps_offset=1, **_NOISE),
    ).save_pretrained(folder)
    return folder


def sd3(folder: Path, *, seed: int = 0) -> Path:
    """Stable Diffusion 3: a transformer (MMDiT) trained by flow matching, without its third text encoder."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    torch.manual_seed(seed)
    transformer = SD3Transformer2DModel(
        sample_size=SIDE // 2,
        patch_size=1,
        in_channels=8,
        out_channels=8,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_projection_dim=16,
        joint_attention_dim=32,
        pooled_projection_dim=32,
    )
    StableDiffusion3Pipeline(
        transformer=transformer,
        vae=vae(8, shift_factor=0.06, scaling_factor=1.5, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(projection=16),
        text_encoder_2=clip(projection=16),
        text_encoder_3=None,
        tokenizer=tokenizer(folder),
        tokenizer_2=tokenizer(folder),
        tokenizer_3=None,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(folder)
    index = folder / "model_index.json"
    without = {"text_encoder_3": [None, None], "tokenizer_3": [None, None]}
    index.write_text(json.dumps(json.loads(index.read_text()) | without))
    return folder


_NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
"""The noise that Stable Diffusion learned with."""


def vae(channels: int, **changes: Any) -> Any:
    """An autoencoder that halves the side once."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=2,
        sample_size=SIDE,
        **changes,
    )


def clip(projection: int | None = None) -> Any:
    """A text encoder of CLIP, 16 numbers wide; with its projection where that is asked for."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=2 * _BYTES + 2,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=projection or 16,
        bos_token_id=2 * _BYTES,
        eos_token_id=2 * _BYTES + 1,
        pad_token_id=2 * _BYTES + 1,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer with bytes alone for words: every letter is a token, and 75 fit."""
    from transformers import CLIPTokenizer

    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [256 + place for place in range(_BYTES - len(kept))]
    letters = [chr(code) for code in (*kept, *rest)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    place = folder / "words"
    place.mkdir(parents=True, exist_ok=True)
    (place / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (place / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(place, model_max_length=77)
