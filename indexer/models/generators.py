"""Which generating model is used, and which one to pull: pure functions of facts.

Why these two are the defaults, of what could be had in autumn 2026:

- `z-image-turbo` where a GPU has its 16 GB: Apache-2.0, not gated, eight steps instead of thirty, and diffusers
  redraws (by strength) and fills with it as well as it generates. FLUX.2 klein 4B is as free, smaller, and needs
  half the steps, but its pipelines know neither strength nor AutoPipeline's inpainting, so of five operations it
  could do one: it comes second. Qwen-Image with Lightning is as free, but of 20 billion parameters. FLUX.2 klein 9B
  and dev, SD-Turbo, SDXL-Turbo and SD 3.5 Turbo are not free for trade; SANA-Sprint is bound to Gemma's terms.
- `lcm-dreamshaper-v7` elsewhere: MIT, 0.86 billion parameters at 512 px, and four steps without a second pass for
  guidance: about a fifteenth of the work of Stable Diffusion 1.5 in thirty steps, whose size it has. ControlNet and
  IP-Adapter of that family go with it.
"""

from collections.abc import Collection

from indexer.models.machine import Machine
from indexer.models.rank import SPEED_COST
from indexer.models.spec import Mode, ModelSpec
from indexer.models.table import TABLE

DEFAULT_GENERATOR = "z-image-turbo"
"""For a GPU that holds it."""
DEFAULT_GENERATOR_CPU = "lcm-dreamshaper-v7"
"""For a CPU, and for smaller GPUs."""


def generators(mode: Mode) -> tuple[ModelSpec, ...]:
    """Models of the table that can begin from that, the one to begin with first."""
    return tuple(spec for spec in TABLE if mode in spec.modes)


def chosen(mode: Mode, pulled: Collection[str], machine: Machine) -> ModelSpec | None:
    """The model to use of those whose names are `pulled`; None where none of them can begin from that."""
    here = [spec for spec in generators(mode) if spec.name in pulled]
    return min(here, key=lambda spec: _place(spec, machine), default=None)


def recommended(mode: Mode, machine: Machine) -> ModelSpec:
    """The model to pull: of those that fit, one that everyone may use for anything where there is such a one."""

    def place(spec: ModelSpec) -> tuple[bool, bool, float, float]:
        too_large, cost, row = _place(spec, machine)
        return too_large, spec.asks, cost, row

    return min(generators(mode), key=place)


def _place(spec: ModelSpec, machine: Machine) -> tuple[bool, float, float]:
    """What fits comes first; then what runs on the GPU, in the table's order; then what is quick on the CPU."""
    needed = spec.memory or 2 * spec.size
    if machine.gpu is not None and needed <= machine.gpu_memory:
        return False, -1.0, TABLE.index(spec)
    needed *= 2 if spec.half else 1
    fits = machine.memory is None or needed <= machine.memory
    return not fits, SPEED_COST[spec.speed] if fits else float(needed), TABLE.index(spec)
