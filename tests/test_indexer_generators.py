"""Which generating model is used, and which to pull."""

from typing import get_args

import pytest

from indexer.models import find
from indexer.models.generators import (
    DEFAULT_GENERATOR,
    DEFAULT_GENERATOR_CPU,
    chosen,
    generators,
    recommended,
)
from indexer.models.machine import Machine
from indexer.models.spec import Mode
from indexer.models.table import TABLE

GB = 10**9
MODES: tuple[Mode, ...] = get_args(Mode)
CPU = Machine(16 * GB, 12 * GB)
LARGE = Machine(64 * GB, None)
CARD = Machine(32 * GB, None, "A card", 24 * GB)
SMALL_CARD = Machine(16 * GB, None, "A small card", 8 * GB)


def test_every_generating_model_says_what_it_is_meant_for() -> None:
    for spec in TABLE:
        assert bool(spec.modes) == (spec.task == "generate" or (spec.task == "inpaint" and spec.name != "lama"))
        assert all((value is not None) == bool(spec.modes) for value in (spec.steps, spec.guidance, spec.side))
        assert bool(spec.condition) == (spec.task in ("control", "reference", "depth"))


def test_the_defaults_are_free_quick_and_what_is_recommended() -> None:
    for name in (DEFAULT_GENERATOR, DEFAULT_GENERATOR_CPU):
        spec = find(name)
        assert spec and not spec.asks and spec.steps and spec.steps <= 8
    for mode in MODES:
        assert recommended(mode, CARD).name == DEFAULT_GENERATOR
    for machine in (CPU, LARGE, SMALL_CARD):
        assert recommended("text", machine).name == recommended("mask", machine).name == DEFAULT_GENERATOR_CPU


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("machine", [CPU, LARGE, CARD, SMALL_CARD, Machine(GB, None), Machine(None, None)])
def test_what_is_recommended_can_do_it_and_fits_if_anything_does(mode: Mode, machine: Machine) -> None:
    spec = recommended(mode, machine)
    assert mode in spec.modes

    def fits(one: str) -> bool:
        found = find(one)
        assert found and found.memory
        room = found.memory * (2 if found.half else 1)
        return machine.memory is None or room <= machine.memory or found.memory <= machine.gpu_memory

    assert fits(spec.name) or not any(fits(one.name) for one in generators(mode))


def test_what_is_pulled_is_used() -> None:
    assert chosen("text", (), CARD) is None
    assert chosen("mask", ("flux2-klein-4b", "lama"), CPU) is None, "neither fills with what a prompt asks for"
    for machine, name in ((CARD, "z-image-turbo"), (SMALL_CARD, "lcm-dreamshaper-v7"), (CPU, "lcm-dreamshaper-v7")):
        found = chosen("text", ("sd15", "lcm-dreamshaper-v7", "z-image-turbo"), machine)
        assert found and found.name == name
    only = chosen("text", ("z-image-turbo",), CPU)
    assert only and only.name == "z-image-turbo", "better slowly than not at all"


def test_families_have_what_steers_them() -> None:
    steering = {(spec.family, spec.condition) for spec in TABLE if spec.condition and spec.family}
    assert steering == {(family, kind) for family in ("sd15", "sdxl") for kind in ("edges", "depth", "picture")}
