"""Weights of restoration networks from one file, of any architecture that spandrel knows."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from spandrel import ImageModelDescriptor, ModelLoader, canonicalize_state_dict

from indexer.errors import NotFoundError, TuneError

ENDINGS = (".pth", ".pt", ".ckpt", ".safetensors")


def load(path: Path) -> ImageModelDescriptor[Any]:
    """The network of a file of weights, on the CPU, ready to run; kept in memory until another is asked for.

    Safe with files of strangers: only tensors are read (safetensors, or torch's `weights_only`), never code; so
    TorchScript files are refused. NotFoundError where there is no such file, TuneError where it holds no weights of
    a network that takes and gives pictures of 1 or 3 channels.
    """
    path = path.expanduser()
    if not path.is_file():
        raise NotFoundError(f"There is no file of weights {path}.")
    if path.suffix.lower() not in ENDINGS:
        raise TuneError(f"{path.name} isn't restoration weights: it should end in {', '.join(ENDINGS)}.")
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _load(path: Path, _changed: int) -> ImageModelDescriptor[Any]:
    try:
        network = ModelLoader().load_from_state_dict(canonicalize_state_dict(_tensors(path)))
    except MemoryError:
        raise
    except Exception as error:  # a file of a stranger: each reader and each architecture has errors of its own
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise TuneError(f"{path.name} isn't restoration weights that Pixloom can load: {said}") from error
    if not isinstance(network, ImageModelDescriptor):
        raise TuneError(f"{path.name} is a network that needs a mask beside the picture: it is for `inpaint`.")
    if network.input_channels not in (1, 3) or network.output_channels != network.input_channels:
        raise TuneError(
            f"{path.name} turns {network.input_channels} channels into {network.output_channels}: "
            "only networks from grey to grey or from colour to colour can be used."
        )
    return network.eval()


def _tensors(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise TypeError("it holds no table of tensors")
    return state
