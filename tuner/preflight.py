"""What a run will take, said before it starts: time and memory, and whether this machine has them."""

from dataclasses import dataclass

from indexer.errors import CapacityError
from indexer.models.spec import in_bytes
from tuner.operation import Method, Operation, Parameters
from tuner.work import Work

PICTURE = 32
"""Bytes for each pixel of a picture and its outcome: four 32-bit floats each."""
SMALLEST_TILE = 128
"""Side in pixels below which dividing further would only cost time."""
_SHARE = 0.8
"""Part of the free memory that a run may take: other programs need some too."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one picture will take."""

    method: str
    seconds: float
    memory: int
    """Bytes at the peak."""
    tile: int
    """Longest side, in pixels, of what will be processed at once."""
    note: str | None = None
    """What the user should know: that smaller parts than usual will be used."""


def estimate(
    operation: Operation,
    parameters: Parameters,
    size: tuple[int, int],
    work: Work,
    free: int | None,
    pace: float | None = None,
) -> Estimate:
    """Time and memory for a picture of `size` (width, height in pixels).

    `free` is the memory in bytes that can be had, None where the system doesn't say; `pace` the seconds for a
    megapixel that the method took here before. Parts are halved until they fit; CapacityError where nothing does.
    """
    method = operation.resolve(parameters, work)
    pixels = size[0] * size[1]
    seconds = (method.seconds if pace is None else pace) * pixels / 1e6
    growth = _growth(operation, parameters)
    allowed = None if free is None else free * _SHARE
    tile = work.tile
    while allowed is not None and _memory(operation, method, pixels, tile, growth) > allowed:
        if not operation.tiles or tile <= SMALLEST_TILE:
            needed = _memory(operation, method, pixels, tile, growth)
            raise CapacityError(
                f"{operation.name} of {size[0]}x{size[1]} pixels needs {in_bytes(needed)} of memory, and "
                f"{in_bytes(free or 0)} are free: close other programs, or scale the picture down first."
            )
        tile //= 2
    note = f"Memory is short: it is done in parts of {tile} pixels." if tile < work.tile else None
    return Estimate(method.name, round(seconds, 3), _memory(operation, method, pixels, tile, growth), tile, note)


def _memory(operation: Operation, method: Method, pixels: int, tile: int, growth: float) -> int:
    at_once = min(pixels, tile * tile) if operation.tiles else pixels
    return round(PICTURE / 2 * pixels * (1 + growth) + method.memory * at_once)


def _growth(operation: Operation, parameters: Parameters) -> float:
    """How many times as many pixels the outcome has."""
    factor = getattr(parameters, "factor", 1) if operation.resizes else 1
    return float(factor) ** 2
