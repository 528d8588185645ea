"""LoRA files: low-rank weights that change a model for one run (Hu et al. 2022), by diffusers and peft."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from indexer.errors import DependencyError, NotFoundError, TuneError, UsageError
from tuner.diffusion.ask import Lora


def check_loras(loras: Sequence[Lora]) -> None:
    """NotFoundError for a missing file, UsageError for one that may hold code, DependencyError without peft."""
    for one in loras:
        path = Path(one.path)
        if not path.is_file():
            raise NotFoundError(f"There is no LoRA file {path}.")
        if path.suffix.lower() != ".safetensors":
            raise UsageError(f"{path.name} can't be used as a LoRA file: only .safetensors can, which holds no code.")
    if loras and find_spec("peft") is None:
        raise DependencyError("LoRA files need the package peft: `pip install peft`.")


@contextmanager
def with_loras(pipe: Any, loras: Sequence[Lora]) -> Iterator[None]:
    """Within it, a pipeline is changed by files of weights; afterwards it is as before.

    TuneError for a file that isn't one of LoRA weights, or is of another model.
    """
    if not loras:
        yield
        return
    names = [f"lora{number}" for number in range(len(loras))]
    try:
        for name, one in zip(names, loras, strict=True):
            _load(pipe, name, Path(one.path))
        pipe.set_adapters(names, [one.weight for one in loras])
        yield
    finally:
        pipe.unload_lora_weights()


def _load(pipe: Any, name: str, path: Path) -> None:
    if not hasattr(pipe, "load_lora_weights"):
        raise UsageError(f"The model ({type(pipe).__name__}) takes no LoRA files.")
    refusal = f"The LoRA file {path.name} doesn't fit this model ({type(pipe).__name__})"
    try:
        pipe.load_lora_weights(path.parent, weight_name=path.name, adapter_name=name, local_files_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a file of a stranger: safetensors, torch and peft have errors of their own
        said = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        raise TuneError(f"{refusal}: {said}") from error
    if not any(name in adapters for adapters in pipe.get_list_adapters().values()):
        raise TuneError(f"{refusal}: none of its weights has a place there.")
