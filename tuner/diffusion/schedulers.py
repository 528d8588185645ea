"""Schedulers by name: how noise is taken away step by step."""

import difflib
from dataclasses import dataclass, field
from typing import Any

from indexer.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A class of diffusers, and what is changed of the model's own configuration."""

    kind: str
    changes: dict[str, Any] = field(default_factory=dict)


SCHEDULERS = {
    "ddim": Scheduler("DDIMScheduler"),
    "ddpm": Scheduler("DDPMScheduler"),
    "pndm": Scheduler("PNDMScheduler", {"skip_prk_steps": True}),
    "euler": Scheduler("EulerDiscreteScheduler"),
    "euler-karras": Scheduler("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "euler-a": Scheduler("EulerAncestralDiscreteScheduler"),
    "heun": Scheduler("HeunDiscreteScheduler"),
    "dpm++-2m": Scheduler("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++-2m-karras": Scheduler(
        "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}
    ),
    "dpm++-2m-sde": Scheduler("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++-2m-sde-karras": Scheduler(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True}
    ),
    "unipc": Scheduler("UniPCMultistepScheduler"),
    "deis": Scheduler("DEISMultistepScheduler"),
    "lcm": Scheduler("LCMScheduler"),
    "tcd": Scheduler("TCDScheduler"),
    "flow-euler": Scheduler("FlowMatchEulerDiscreteScheduler"),
}
"""Name -> scheduler, as their papers or k-diffusion call them. `flow-` ones are for models that learned by flow
matching (SD3, Flux, Z-Image, Qwen-Image), all others for those that learned to predict noise (SD 1.x, SDXL, LCM)."""


def names_for(own: Any) -> list[str]:
    """Names of the schedulers that fit a model, by the scheduler that it came with."""
    flow = _is_flow(own)
    return [name for name in SCHEDULERS if name.startswith("flow-") == flow]


def check_name(name: str) -> None:
    """UsageError, with the valid names, for one that doesn't exist."""
    if name != "auto" and name not in SCHEDULERS:
        near = difflib.get_close_matches(name, SCHEDULERS, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no scheduler {name!r}.{hint} Valid: auto, {', '.join(SCHEDULERS)}.")


def make_scheduler(name: str, own: Any) -> Any:
    """A scheduler that nothing was done with yet, from the configuration of the one that the model came with.

    UsageError for a name that doesn't exist, or whose scheduler is for another way of learning.
    """
    import diffusers

    check_name(name)
    if name == "auto":
        return type(own).from_config(own.config)
    if name not in names_for(own):
        learned = "flow matching" if _is_flow(own) else "predicting noise"
        raise UsageError(
            f"The scheduler {name} doesn't fit this model, which learned by {learned}. "
            f"Fitting: auto, {', '.join(names_for(own))}."
        )
    chosen = SCHEDULERS[name]
    return getattr(diffusers, chosen.kind).from_config(own.config, **chosen.changes)


def _is_flow(own: Any) -> bool:
    return type(own).__name__.startswith("FlowMatch") or own.config.get("prediction_type") == "flow_prediction"
