"""The colours of another picture, or of a list, given to the picture: what is dark, light, warm or cold stays so."""

import re

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.creative.carry import into_gamut
from tuner.creative.lut import apply_lut, grid
from tuner.creative.transport import fitted
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work

SIDE = 192
"""Longer side in pixels of the copies that palettes are read from."""
CELL = 7.0
"""Width of the cells that colours are counted in, in units of CIELAB."""
CELLS = 200
"""Most cells of a palette; the rest have few pixels."""
SPREAD = 16.0
"""How far around a colour its move is felt, in units of CIELAB: no two neighbouring colours are torn apart."""


class PaletteParameters(Parameters):
    """Whose colours. Exactly one of `reference` and `colours` has to be given."""

    reference: str | None = Field(None, description="picture whose colours are taken: `12`, `#12` or a file")
    colours: str | None = Field(
        None, description="the colours themselves, as `#1b3a4b, #f2e8cf`, in place of a picture"
    )
    strength: float = Field(1.0, ge=0, le=1, description="how far the colours go, 0 not at all")
    keep_luminance: bool = Field(False, description="change hues only, and leave what is light or dark as it is")

    @field_validator("colours")
    @classmethod
    def _are_hexadecimal(cls, value: str | None) -> str | None:
        if value is not None:
            wrong = [one for one in _split(value) if not re.fullmatch(r"#?[0-9a-fA-F]{6}", one)]
            if wrong or not _split(value):
                raise ValueError("colours are written #rrggbb, with commas or spaces between them")
        return value


def apply(picture: Raster, parameters: PaletteParameters, work: Work) -> Raster:
    """The recoloured picture; UsageError where not exactly one of reference and colours is given."""
    if (parameters.reference is None) == (parameters.colours is None):
        raise UsageError("palette needs either a reference (a picture) or colours, such as '#1b3a4b, #f2e8cf'.")
    if parameters.colours is not None:
        listed = [list(bytes.fromhex(one.lstrip("#"))) for one in _split(parameters.colours)]
        wanted = np.array([listed], np.float32) / np.float32(255)
    elif work.pictures is not None and parameters.reference is not None:
        wanted = fitted(work.pictures.open(parameters.reference, max_side=2 * SIDE).rgb, SIDE)
    else:
        raise UsageError("palette: there is no collection here to take the reference from; give colours.")
    work.step(0, 2, "reading colours")
    table = recoloured(grid(), fitted(picture.rgb, min(SIDE, max(picture.size))), wanted, parameters.keep_luminance)
    work.step(1, 2, "colours")
    return picture.with_rgb(apply_lut(picture.rgb, table, parameters.strength, work))


def recoloured(colours: Floats, picture: Floats, wanted: Floats, keep_luminance: bool = False) -> Floats:
    """Where colours [..., 3] of 0..1 go when the picture's palette [h, w, 3] is carried to the wanted one [h, w, 3]."""
    points = to_lab(colours).reshape(-1, 3)
    found, shares = palette(to_lab(picture))
    targets, target_shares = palette(to_lab(wanted))
    moves = _moves(found, shares, targets, target_shares)
    if keep_luminance:
        moves[:, 0] = 0
    moved = points + _spread(points, found, shares, moves)
    # The difference frees the outcome of what OpenCV's tables round on both ways.
    return into_gamut(colours + from_lab(moved.reshape(colours.shape)) - from_lab(points.reshape(colours.shape)))


def palette(lab: Floats) -> tuple[Floats, Floats]:
    """The colours of [h, w, 3] in CIELAB and their shares: means of cells, the fullest of them."""
    flat = lab.reshape(-1, 3)
    cells = np.floor(flat / CELL).astype(np.int64) + 64
    _, which, counts = np.unique(cells @ np.array([65536, 256, 1]), return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(which, flat[:, axis]) for axis in range(3)], 1)
    order = np.argsort(-counts, kind="stable")[:CELLS]
    kept = counts[order].astype(np.float64)
    return (sums[order] / kept[:, None]).astype(np.float32), (kept / kept.sum()).astype(np.float32)


def _moves(found: Floats, shares: Floats, targets: Floats, target_shares: Floats) -> Floats:
    """How far each colour [n, 3] goes under optimal transport: to the mean of those that it is shared out to
    (Ferradans et al. 2014)."""
    import ot

    plan = ot.emd(_exact(shares), _exact(target_shares), ot.dist(found.astype(np.float64), targets.astype(np.float64)))
    moves: Floats = ((plan @ targets) / plan.sum(1, keepdims=True) - found).astype(np.float32)
    return moves


def _exact(shares: Floats) -> NDArray[np.float64]:
    """Shares whose sum is 1 to double precision, as POT demands."""
    exact = shares.astype(np.float64)
    return np.asarray(exact / exact.sum())


def _spread(points: Floats, found: Floats, shares: Floats, moves: Floats) -> Floats:
    """Moves of any colours [n, 3] as smooth means of those that are known near them."""
    distance = np.square(points).sum(1)[:, None] + np.square(found).sum(1) - 2 * points @ found.T
    distance -= distance.min(1, keepdims=True)  # far from every colour the nearest counts
    weights = np.exp(-distance / (2 * SPREAD**2)) * np.sqrt(shares)
    outcome: Floats = (weights @ moves) / weights.sum(1, keepdims=True)
    return outcome


def to_lab(rgb: Floats) -> Floats:
    """sRGB [h, w, 3] in 0..1 -> CIELAB, D65."""
    return np.asarray(cv2.cvtColor(rgb.reshape(1, -1, 3), cv2.COLOR_RGB2LAB), np.float32).reshape(rgb.shape)


def from_lab(lab: Floats) -> Floats:
    """CIELAB -> sRGB; what sRGB hasn't lies beyond 0..1."""
    return np.asarray(cv2.cvtColor(lab.reshape(1, -1, 3), cv2.COLOR_LAB2RGB), np.float32).reshape(lab.shape)


def _split(colours: str) -> list[str]:
    return [one for one in re.split(r"[,;\s]+", colours) if one]


OPERATION = Operation(
    name="palette",
    summary="give it the colours of another picture, or of a list",
    task="compose",
    parameters=PaletteParameters,
    apply=apply,
    methods=(Method("transport", "optimal transport between palettes in CIELAB, with POT", seconds=0.4, memory=60),),
    references=("reference",),
)
"""palette"""
