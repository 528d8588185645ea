"""What is done when memory runs out: the same again in smaller parts, at last on the CPU."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from indexer.errors import CapacityError
from indexer.types import Floats
from tuner.work import Work

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to run a network."""

    device: str
    """As torch names it: `cuda`, `cpu`."""
    tile: int
    """Pixels a side that go through it at once."""
    half: bool = False
    """Weights and pictures of 16 bits in place of 32."""


def rungs(device: str, tile: int, smallest: int, *, half: bool = False) -> list[Rung]:
    """From a tile on a device down by halves to the smallest; then, of a GPU, the smaller half of these on the CPU.

    `half` says that the network keeps its quality in half precision: on a GPU that comes before smaller tiles.
    """
    sides = [tile]
    while sides[-1] // 2 >= smallest:
        sides.append(sides[-1] // 2)
    if device == "cpu":
        return [Rung(device, side) for side in sides]
    halved = [Rung(device, side, half=True) for side in sides] if half else []
    whole = [Rung(device, side) for side in (sides[:1] if half else sides)]
    return [*whole, *halved, *(Rung("cpu", side) for side in sides[len(sides) // 2 :])]


def fitting(ladder: Sequence[R], run: Callable[[R], Floats]) -> tuple[R, Floats] | None:
    """The first rung that memory suffices for, and its outcome; None where it suffices for none."""
    for rung in ladder:
        try:
            return rung, run(rung)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        _let_go()  # only here: while the error is handled, it holds on to all that was being computed
    return None


def descend(ladder: Sequence[Rung], run: Callable[[Rung], Floats], work: Work) -> Floats:
    """The outcome of the first rung that memory suffices for; a note says which, where it wasn't the first.

    CapacityError where it suffices for none.
    """
    found = fitting(ladder, run)
    if found is None:
        raise CapacityError(
            f"Memory ran out, even in parts of {ladder[-1].tile} pixels a side: close other programs, or take a "
            "smaller picture or network."
        )
    rung, outcome = found
    if rung.device != ladder[0].device:
        work.note("The GPU's memory ran out: it was done on the CPU, which takes longer.")
    elif rung.tile != ladder[0].tile:
        work.note(f"Memory ran out: it was done on parts of {rung.tile} pixels a side.")
    elif rung != ladder[0]:
        work.note("The GPU's memory ran out: it was done in half precision.")
    return outcome


def _let_go() -> None:
    """Give the GPU's memory that nothing uses any more back to it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so: torch's, of a GPU, is a RuntimeError of its own; that of the CPU but a text."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
