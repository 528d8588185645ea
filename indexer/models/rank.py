"""Which models suit a machine, and why: a pure function of facts."""

from collections.abc import Iterable
from dataclasses import dataclass

from indexer.models.machine import Machine
from indexer.models.spec import ModelSpec, in_bytes

SPEED_COST = {"fast": 0.0, "medium": 1.0, "slow": 4.0, "very slow": 8.0}
"""Points of the published figure that a class of speed costs on a CPU; on a GPU none costs any.

With these the default encoder comes first on a CPU, and a large one does not for half a point more.
"""


@dataclass(frozen=True, slots=True)
class Suited:
    """A model beside a machine; `why` is one line for the user."""

    spec: ModelSpec
    fits: bool
    device: str
    """`gpu` or `cpu`: where it would run."""
    why: str


def rank(specs: Iterable[ModelSpec], machine: Machine) -> list[Suited]:
    """Models of one task, best first for this machine.

    First those that fit into memory; of these those that everyone may use for anything; of these those that
    come without a warning; then by the published figure less what the speed costs. Models without a figure
    follow those with one, quickest first. What is equal stays in the order given.
    """
    suited = [_beside(spec, machine) for spec in specs]
    return sorted(suited, key=_place)


def _beside(spec: ModelSpec, machine: Machine) -> Suited:
    needed = spec.memory or 2 * spec.size
    on_gpu = machine.gpu is not None and needed <= machine.gpu_memory
    if spec.half and not on_gpu:
        needed *= 2
    fits = on_gpu or machine.memory is None or needed <= machine.memory
    device = "gpu" if on_gpu else "cpu"
    reasons = [_quality(spec), _room(spec, needed, machine, on_gpu, fits)]
    if not on_gpu:
        reasons.append(f"{'probably ' if 'speed' in spec.unverified else ''}{spec.speed} on a CPU")
    if spec.steps is not None and spec.side is not None:
        reasons.append(f"{spec.steps} step{'s' if spec.steps > 1 else ''} at {spec.side} px")
    if not spec.commercial:
        reasons.append(f"not free for every use ({spec.licence})")
    elif spec.restrictions:
        reasons.append(f"its licence forbids some uses ({spec.licence})")
    if not spec.used_by:
        reasons.append("nothing in Pixloom uses it yet")
    return Suited(spec, fits, device, ", ".join(reason for reason in reasons if reason))


def _place(suited: Suited) -> tuple[bool, bool, bool, bool, float]:
    spec = suited.spec
    cost = 0.0 if suited.device == "gpu" else SPEED_COST[spec.speed]
    return (
        not suited.fits,
        not spec.commercial,
        spec.notice is not None,
        spec.figure is None,
        cost - (spec.figure or 0.0),
    )


def _quality(spec: ModelSpec) -> str:
    if spec.figure is None:
        return "no published figure to compare by"
    return f"{_estimate(spec, 'figure')}{spec.measure.format(spec.figure)}"


def _room(spec: ModelSpec, needed: int, machine: Machine, on_gpu: bool, fits: bool) -> str:
    need = f"needs {_estimate(spec, 'memory')}{in_bytes(needed)}"
    if on_gpu:
        return f"{need} of {in_bytes(machine.gpu_memory)} on {machine.gpu}"
    if machine.memory is None:
        return need
    told = f"{need} of {in_bytes(machine.memory)}"
    if not fits:
        return f"{told}: doesn't fit"
    if machine.gpu is not None:
        told += f" (more than the {in_bytes(machine.gpu_memory)} of {machine.gpu})"
    if machine.free is not None and needed > machine.free:
        told += f", only {in_bytes(machine.free)} free now"
    return told


def _estimate(spec: ModelSpec, field: str) -> str:
    return "about " if field in spec.unverified or (field == "memory" and spec.memory is None) else ""
