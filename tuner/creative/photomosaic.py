"""`photomosaic`: a picture made of many small ones of the collection."""

import cv2
import numpy as np
from pydantic import Field

from indexer.errors import TuneError, UsageError
from indexer.types import Floats, Ids
from tuner.creative.fitting import filling, resized
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work

_DETAIL = 4
"""Cells are compared with tiles by the colours of this many fields a side."""
_FEWEST = 8
_CANDIDATES = 2000
_BLOCK = 512


class PhotomosaicParameters(Parameters):
    """Which pictures are taken, how small they are, and how often one may come."""

    query: str = Field("", max_length=4096, description="only what this query finds; empty takes the newest pictures")
    pictures: list[str] = Field(default_factory=list, max_length=5000, description="only these: ids of pictures")
    columns: int = Field(48, ge=4, le=200, description="tiles across")
    tile: int = Field(32, ge=8, le=200, description="side of a tile, pixels")
    tint: float = Field(0.25, ge=0, le=1, description="how far tiles take on the picture's own colour, 0..1")
    repeat: float = Field(1.0, ge=0, le=10, description="how much is paid for using a tile again; 0 doesn't mind")


def photomosaic(picture: Raster, parameters: PhotomosaicParameters, work: Work) -> Raster:
    """The picture, `columns` x `tile` pixels wide, each tile the picture of the collection that looks most like its
    place. UsageError without a collection, TuneError where it has too few pictures."""
    ids, tiles = _tiles(parameters, work)
    columns = parameters.columns
    rows = max(1, round(columns * picture.size[1] / picture.size[0]))
    detail = resized(picture.rgb, (columns * _DETAIL, rows * _DETAIL))
    cells = detail.reshape(rows, _DETAIL, columns, _DETAIL, 3).swapaxes(1, 2)
    chosen = _chosen(_lab(cells.reshape(rows * columns, _DETAIL, _DETAIL, 3)), _lab(_small(tiles)), parameters, work)
    work.used += [int(id) for id in dict.fromkeys(ids[chosen])]
    side = parameters.tile
    outcome = np.empty((rows * side, columns * side, 3), np.float32)
    for place, tile in enumerate(chosen):
        if place % _BLOCK == 0:
            work.step(place, len(chosen), "laying tiles")
        top, left = place // columns * side, place % columns * side
        cell = cells[place // columns, place % columns].mean((0, 1))
        outcome[top : top + side, left : left + side] = _tinted(tiles[tile], cell, parameters.tint)
    return Raster(outcome, None, picture.depth)


def _tiles(parameters: PhotomosaicParameters, work: Work) -> tuple[Ids, Floats]:
    """Candidates: their ids [n], and the pictures [n, tile, tile, 3]."""
    if work.pictures is None:
        raise UsageError("photomosaic takes its tiles from a collection: index one first.")
    if parameters.pictures:
        ids = [int(one.lstrip("#")) for one in parameters.pictures]
    elif parameters.query:
        ids = work.pictures.find(parameters.query, _CANDIDATES)
    else:
        ids = work.pictures.newest(_CANDIDATES)
    ids = [id for id in ids if work.subject != f"#{id}"]
    work.choices["pictures"] = [f"#{id}" for id in ids]
    thumbnails = [(id, one) for id in ids for one in work.pictures.thumbnails([id])]
    if len(thumbnails) < _FEWEST:
        raise TuneError(f"A mosaic needs at least {_FEWEST} other pictures, and there are {len(thumbnails)}.")
    side = (parameters.tile, parameters.tile)
    return np.array([id for id, _ in thumbnails]), np.stack([filling(one.rgb, side) for _, one in thumbnails])


def _small(tiles: Floats) -> Floats:
    return np.stack([resized(tile, (_DETAIL, _DETAIL)) for tile in tiles])


def _lab(fields: Floats) -> Floats:
    """[n, d, d, 3] in 0..1 -> CIELAB [n, d * d * 3], lightness first among equals."""
    count = len(fields)
    lab = cv2.cvtColor(np.ascontiguousarray(fields.reshape(count, -1, 3)), cv2.COLOR_RGB2LAB)
    return np.asarray(lab, np.float32).reshape(count, -1)


def _chosen(cells: Floats, tiles: Floats, parameters: PhotomosaicParameters, work: Work) -> Ids:
    """The tile of each cell [cells]: the most alike, less what was used before; the most particular cells first."""
    costs = np.empty((len(cells), len(tiles)), np.float32)
    for start in range(0, len(cells), _BLOCK):
        work.step(start, len(cells), "comparing tiles")
        some = cells[start : start + _BLOCK]
        costs[start : start + _BLOCK] = (some**2).sum(1)[:, None] - 2 * some @ tiles.T + (tiles**2).sum(1)
    costs /= cells.shape[1] / 3
    price = parameters.repeat * float(np.median(costs.min(1)) + 1)
    used = np.zeros(len(tiles), np.float32)
    chosen = np.empty(len(cells), np.int64)
    for cell in np.argsort(-costs.min(1), kind="stable"):
        chosen[cell] = np.argmin(costs[cell] + price * used)
        used[chosen[cell]] += 1
    return chosen


def _tinted(tile: Floats, colour: Floats, tint: float) -> Floats:
    """A tile moved towards the mean colour of its place."""
    moved: Floats = np.clip(tile + np.float32(tint) * (colour - tile.mean((0, 1))), 0, 1)
    return moved


OPERATION = Operation(
    name="photomosaic",
    summary="make the picture of many small ones of the collection",
    task="compose",
    parameters=PhotomosaicParameters,
    apply=photomosaic,
    methods=(Method("colours", "tiles by the colours of sixteen fields in CIELAB", 2.0, 40),),
    source="compositeCapture",
    tiles=False,
    resizes=True,
)
