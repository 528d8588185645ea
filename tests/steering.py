"""Tiny but real ControlNets and IP-Adapters with random weights for the tiny pipelines, in files as the hub has."""

from pathlib import Path

WIDTH = 12
"""Of the tiny picture encoder."""


def controlnet(folder: Path, model: Path, *, seed: int = 0) -> Path:
    """A ControlNet made of a model's UNet, as if it had been trained: its last layers aren't zero any more."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    # The tiny autoencoder halves the side once, and so does what reads the map.
    network = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16))
    with torch.no_grad():
        for weights in network.parameters():
            if not weights.any():
                weights.normal_(0, 0.5)
    network.save_pretrained(folder)
    return folder


def ip_adapter(folder: Path, model: Path, *, tokens: int = 4, seed: int = 0) -> Path:
    """Weights of an IP-Adapter for a model's UNet, in a folder with the picture encoder; gives the file of weights."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    words = unet.config.cross_attention_dim
    state = {
        "image_proj.proj.weight": torch.randn(tokens * words, WIDTH),
        "image_proj.proj.bias": torch.randn(tokens * words),
        "image_proj.norm.weight": torch.ones(words),
        "image_proj.norm.bias": torch.zeros(words),
    }
    for number, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            hidden = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
            for part in ("to_k_ip", "to_v_ip"):
                state[f"ip_adapter.{number}.{part}.weight"] = torch.randn(hidden, words)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "ip-adapter.safetensors")
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=WIDTH,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    return folder / "ip-adapter.safetensors"
