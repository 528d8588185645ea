"""What is done when memory runs out: the same again in smaller parts, at last on the CPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexer.errors import CapacityError
from indexer.types import Floats
from tuner.work import Work


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to run a network."""

    device: str
    """As torch names it: `cuda`, `cpu`."""
    tile: int
    """Pixels a side that go through it at once."""


def rungs(device: str, tile: int, smallest: int) -> list[Rung]:
    """From a tile on a device down by halves to the smallest; then, of a GPU, the smaller half of these on the CPU."""
    sides = [tile]
    while sides[-1] // 2 >= smallest:
        sides.append(sides[-1] // 2)
    ladder = [Rung(device, side) for side in sides]
    return ladder if device == "cpu" else [*ladder, *(Rung("cpu", side) for side in sides[len(sides) // 2 :])]


def descend(ladder: Sequence[Rung], run: Callable[[Rung], Floats], work: Work) -> Floats:
    """The outcome of the first rung that memory suffices for; a note says which, where it wasn't the first.

    CapacityError where it suffices for none.
    """
    for number, rung in enumerate(ladder):
        try:
            outcome = run(rung)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            continue
        if number:
            place = "the CPU" if rung.device == "cpu" != ladder[0].device else "parts"
            work.note(
                f"Memory ran out: it was done on {place} of {rung.tile} pixels a side."
                if place == "parts"
                else f"The GPU's memory ran out: it was done on {place}, which takes longer."
            )
        return outcome
    raise CapacityError(
        f"Memory ran out, even in parts of {ladder[-1].tile} pixels a side: close other programs, or take a smaller "
        "picture or network."
    )


def _out_of_memory(error: BaseException) -> bool:
    """Whether an error says so: torch's, of a GPU, is a RuntimeError of its own; that of the CPU but a text."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
