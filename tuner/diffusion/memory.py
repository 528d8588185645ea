"""How a diffusion model is run so that it fits: from all at once on the GPU down to smaller pictures on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

FULL, TILED, PARTS = 1.5, 1.15, 0.6
"""Free memory over the size of the weights from which a model is run all at once, with its attention and pictures
in parts, and moved to the GPU part by part: activations of a picture of the native size take some tenths of it, and
the largest part of a model is about half."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One way to run a model."""

    device: str
    """As torch names it: `cuda`, `cpu`."""
    half: bool = False
    """Weights of 16 bits in place of 32."""
    slicing: bool = False
    """Attention and the decoder work slice by slice."""
    tiling: bool = False
    """The decoder works on tiles of the picture."""
    offload: Literal["", "model", "sequential"] = ""
    """Parts of the model are moved to the GPU only while they work: whole models, or layer by layer."""
    share: float = 1.0
    """Side of the picture over the model's native one."""

    def told(self, first: "Fit") -> str:
        """What is to be said where it wasn't done in the first way."""
        if self.share < first.share:
            return f"Memory ran out: it was worked out at {self.share:.0%} of the model's side and enlarged."
        if self.device != first.device:
            return "The GPU's memory ran out: it was done on the CPU, which takes longer."
        if self.offload != first.offload:
            return "The GPU's memory ran out: parts of the model were moved in and out, which takes longer."
        if self.half != first.half:
            return "Memory ran out: it was done with half the precision, which may change it slightly."
        return "Memory ran out: it was done in parts."


def fits(device: str, free: int | None, numbers: int) -> list[Fit]:
    """Ways to run a model of so many numbers on a device, the first one that `free` bytes should suffice for first.

    Half precision is the rule on CUDA, and a last resort on a CPU, where it is slow.
    """
    small = Fit("cpu", slicing=True, tiling=True)
    halved = replace(small, half=True)
    cpu = [
        Fit("cpu"),
        Fit("cpu", slicing=True),
        small,
        halved,
        replace(halved, share=0.75),
        replace(halved, share=0.5),
    ]
    if device == "cpu":
        return cpu[_start(free, 4 * numbers, (0, 2, 3, 3)) :]
    tiled = Fit(device, half=True, slicing=True, tiling=True)
    gpu = [
        Fit(device, half=True),
        Fit(device, half=True, slicing=True),
        tiled,
        replace(tiled, offload="model"),
        replace(tiled, offload="sequential"),
    ]
    return [*gpu[_start(free, 2 * numbers, (0, 2, 3, 4)) :], *cpu[2:]]


def _start(free: int | None, weights: int, rungs: Sequence[int]) -> int:
    if free is None or weights == 0:
        return rungs[0]
    return next(
        (rung for rung, needed in zip(rungs, (FULL, TILED, PARTS), strict=False) if free >= needed * weights), rungs[-1]
    )


def place(pipe: Any, fit: Fit) -> None:
    """Bring a pipeline where it runs, in that way."""
    if fit.offload == "model":
        pipe.enable_model_cpu_offload(device=fit.device)
    elif fit.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=fit.device)
    elif any(part.device.type != fit.device for part in pipe.components.values() if hasattr(part, "parameters")):
        pipe.to(fit.device)
    vae = getattr(pipe, "vae", None)
    for name, wanted in (("slicing", fit.slicing), ("tiling", fit.tiling)):
        change = getattr(vae, f"{'enable' if wanted else 'disable'}_{name}", None)
        if change is not None:
            change()
    if fit.slicing and not pipe.components.get("image_encoder"):  # slices would take an IP-Adapter's layers away
        pipe.enable_attention_slicing("auto")
