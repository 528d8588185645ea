"""Low-rank adapters (LoRA, Hu et al. 2022) on the weight matrices of any torch module.

A matrix W becomes W + B A, where only A [rank, in] and B [out, rank] are trained: a tuned text tower then fits
into a small file beside its locked weights.
"""

from collections.abc import Mapping
from typing import Any

from indexer.errors import EncoderError
from indexer.types import Floats

Adapters = Mapping[str, tuple[Floats, Floats]]
"""Name of a parameter of the module -> (A [rank, in], B [out, rank])."""


def adapt(module: Any, rank: int) -> dict[str, tuple[Any, Any]]:
    """Put adapters on every weight matrix of a torch module's linear and attention layers, and lock all else.

    Returns the trainable tensors by the matrix's name, as in `Adapters`. B begins at zero, so that the module
    computes what it did until it is trained.
    """
    import torch
    from torch.nn.utils import parametrize

    class LowRank(torch.nn.Module):
        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            rows, columns = weight.shape
            self.a = torch.nn.Parameter(torch.randn(rank, columns) / columns**0.5)
            self.b = torch.nn.Parameter(torch.zeros(rows, rank))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + self.b @ self.a

        def beside(self, _layer: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            return output + inputs[0] @ self.a.T @ self.b.T

    module.requires_grad_(False)
    trained = {}
    for path, layer, name in _matrices(module):
        adapter = LowRank(getattr(layer, name))
        if type(layer) is torch.nn.Linear:  # the product B A, as large as W, is never made
            layer.add_module("low_rank", adapter)  # goes where the layer goes, onto a GPU say
            layer.register_forward_hook(adapter.beside)
        else:  # attention reads its matrices without calling the layers that hold them
            parametrize.register_parametrization(layer, name, adapter)
        trained[path] = (adapter.a, adapter.b)
    return trained


def merge(module: Any, adapters: Adapters) -> None:
    """Add trained adapters to the weights of an unadapted module; EncoderError where they are of another."""
    import torch

    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for path, (a, b) in adapters.items():
            if path not in parameters or parameters[path].shape != (b.shape[0], a.shape[1]):
                raise EncoderError(f"The adapters are of another text tower: it has no matrix {path} of their shape.")
            parameters[path] += torch.from_numpy(b).float() @ torch.from_numpy(a).float()


def _matrices(module: Any) -> list[tuple[str, Any, str]]:
    """(full name, layer, name in the layer) of the weight matrices of linear and attention layers."""
    import torch

    kinds = (torch.nn.Linear, torch.nn.MultiheadAttention)
    layers = [(path, layer) for path, layer in module.named_modules() if isinstance(layer, kinds)]
    return [
        (f"{path}.{name}" if path else name, layer, name)
        for path, layer in layers
        for name, parameter in list(layer.named_parameters(recurse=False))
        if parameter.ndim == 2 and min(parameter.shape) > 1
    ]
