"""A tiny depth estimation network with weights of chance, in a folder as the hub has them."""

from pathlib import Path


def write_depth_network(folder: Path, kind: str = "relative") -> Path:
    """Depth Anything over a DINOv2 of two layers; `kind` is relative (inverse depth) or metric (metres)."""
    import torch
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessor

    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2"],
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        patch_size=14,
        reassemble_factors=[2, 1],
        neck_hidden_sizes=[8, 8],
        fusion_hidden_size=8,
        head_in_index=-1,
        head_hidden_size=4,
        depth_estimation_type=kind,
        max_depth=10,
    )
    torch.manual_seed(0)
    network = DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.dim() > 1:  # those it begins with tell next to nothing apart
                weights.normal_(0, 0.2)
        network.head.conv3.bias.fill_(1.0)  # or the last ReLU could leave nothing
    network.save_pretrained(folder)
    DPTImageProcessor(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14, resample=3
    ).save_pretrained(folder)
    return folder
