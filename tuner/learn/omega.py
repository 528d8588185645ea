"""omega, the weights of an encoder's picture tower: which of them learn, and what they have learned."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from indexer.errors import EncoderError, UsageError
from indexer.types import Floats

Unlock = Literal["none", "adapters", "last", "all"]
"""Nothing; low-rank adapters (LoRA, Hu et al. 2022) on every matrix; the last block; every weight."""
Learned = Mapping[str, Floats]
"""Name of a parameter -> what it became; of adapters NAME.a [rank, in] and NAME.b [out, rank], to be added."""

_ALPHA = 1.0
"""Scale of adapters for each unit of rank."""


def unlock(module: Any, how: Unlock, rank: int) -> Any:
    """Make the weights of a picture tower trainable that shall learn, lock the others; the module to go on with.

    Statistics of batch norm stay as they are: batches here are too small to tell them. UsageError for an unknown way.
    """
    if how not in get_args(Unlock):
        raise UsageError(f"There is no way {how!r} to unlock an encoder. Valid: {', '.join(get_args(Unlock))}.")
    module.requires_grad_(False)
    if how == "adapters":
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(r=rank, lora_alpha=round(_ALPHA * rank), target_modules=_matrices(module))
        return inject_adapter_in_model(config, module).eval()
    if how == "all":
        module.requires_grad_(True)
    if how == "last":
        last_block(module).requires_grad_(True)
    return module.eval()


def last_block(module: Any) -> Any:
    """The last of the blocks that a picture tower is a row of: of the longest row of modules of one kind it has."""
    import torch

    rows = [one for one in module.modules() if isinstance(one, torch.nn.Sequential | torch.nn.ModuleList) and len(one)]
    if not rows:
        raise UsageError("This encoder has no row of blocks: unlock adapters or all of it.")
    return max(rows, key=lambda row: sum(weight.numel() for weight in row.parameters()))[-1]


def learned(module: Any) -> dict[str, Floats]:
    """What the trainable weights have become."""
    found = {}
    for name, weight in module.named_parameters():
        if not weight.requires_grad:
            continue
        array = weight.detach().cpu().numpy()
        for side, ending in (("lora_A", "a"), ("lora_B", "b")):
            if f".{side}." in name:
                name, array = f"{name.partition(f'.{side}.')[0]}.{ending}", array.reshape(array.shape[:2])
        found[name] = array
    return found


def restore(module: Any, changes: Learned) -> Any:
    """The module with what was learned in its weights, locked; EncoderError where it is of another encoder."""
    import torch

    weights = dict(module.named_parameters())
    with torch.no_grad():
        for name, value in changes.items():
            path, _, ending = name.rpartition(".")
            if ending == "b":
                continue
            target = weights.get(f"{path}.weight" if ending == "a" else name)
            change = changes[f"{path}.b"] @ value * _ALPHA if ending == "a" else value
            if target is None or target.numel() != change.size:
                raise EncoderError(
                    f"What was learned is of another encoder: this one has no weight {name} of its size."
                )
            added = torch.from_numpy(change.astype("float32")).reshape(target.shape)
            target.copy_(target + added if ending == "a" else added)
    return module.requires_grad_(False).eval()


def _matrices(module: Any) -> list[str]:
    """Names of linear layers, and of convolutions of single pixels, which are the same."""
    import torch

    def fits(layer: Any) -> bool:
        if isinstance(layer, torch.nn.Conv2d):
            return layer.kernel_size == (1, 1) and layer.groups == 1
        return type(layer) is torch.nn.Linear

    return [name for name, layer in module.named_modules() if fits(layer)]
