"""`collage`: pictures side by side in rows, none cropped."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from pydantic import Field

from tuner.creative.fitting import colour, resized
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work

_MOST_ROWS = 60


class CollageParameters(Parameters):
    """The other pictures, and the sheet that they are laid on."""

    pictures: list[str] = Field(
        default_factory=list, max_length=500, description="the pictures that go beside this one: ids or files"
    )
    width: int = Field(2000, ge=64, le=12_000, description="of the sheet, pixels")
    gap: int = Field(12, ge=0, le=200, description="between pictures and around them, pixels")
    background: str = Field("#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description="colour of the sheet, #rrggbb")
    rows: int = Field(0, ge=0, le=_MOST_ROWS, description="how many rows; 0 makes the sheet about three to two")


def collage(picture: Raster, parameters: CollageParameters, work: Work) -> Raster:
    """All pictures in rows that are equally wide, in their order; the sheet is `width` wide and as high as it gets."""
    pictures = [picture]
    for done, reference in enumerate(parameters.pictures):
        work.step(done, len(parameters.pictures) + 1, "opening pictures")
        assert work.pictures is not None, "pictures that are named come from a collection"
        pictures.append(work.pictures.open(reference, parameters.width))
    rows = _rows([one.size[0] / one.size[1] for one in pictures], parameters)
    width, gap = parameters.width, parameters.gap
    inner = [max(1, round((width - gap * (len(row) + 1)) / sum(ratio for _, ratio in row))) for row in rows]
    sheet = np.empty((gap + sum(height + gap for height in inner), width, 3), np.float32)
    sheet[:] = colour(parameters.background)
    top = gap
    for row, height in zip(rows, inner, strict=True):
        work.step(top, len(sheet), "laying them out")
        edges = _edges([ratio for _, ratio in row], width, gap)
        for (place, _), (left, right) in zip(row, edges, strict=True):
            one = pictures[place]
            fitted = resized(one.rgb, (right - left, height))
            if one.alpha is not None:
                cover = resized(one.alpha, (right - left, height))[..., np.newaxis]
                fitted = sheet[top : top + height, left:right] * (1 - cover) + fitted * cover
            sheet[top : top + height, left:right] = fitted
        top += height + gap
    return Raster(sheet, None, picture.depth)


def _rows(ratios: Sequence[float], parameters: CollageParameters) -> list[list[tuple[int, float]]]:
    """Pictures by number with their ratio of width to height, split into rows of nearly equal sums of ratios."""
    wanted = parameters.rows or round(max(1.0, (sum(ratios) / 1.5) ** 0.5))
    count = min(len(ratios), _MOST_ROWS, wanted)
    ends = list(accumulate(ratios))
    rows: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for place, ratio in enumerate(ratios):
        middle = ends[place] - ratio / 2
        rows[min(count - 1, int(middle / ends[-1] * count))].append((place, ratio))
    return [row for row in rows if row]


def _edges(ratios: Sequence[float], width: int, gap: int) -> list[tuple[int, int]]:
    """Left and right of each picture of a row, to the pixel, so that rows end alike."""
    space = max(len(ratios), width - gap * (len(ratios) + 1))
    ends = [0, *(round(end / sum(ratios) * space) for end in accumulate(ratios))]
    return [
        (gap * (place + 1) + left, max(gap * (place + 1) + right, gap * (place + 1) + left + 1))
        for place, (left, right) in enumerate(pairwise(ends))
    ]


OPERATION = Operation(
    name="collage",
    summary="lay pictures side by side on a sheet",
    task="compose",
    parameters=CollageParameters,
    apply=collage,
    methods=(Method("rows", "rows of equal width, nothing is cropped", 0.3, 40),),
    source="compositeCapture",
    tiles=False,
    resizes=True,
    gathers="pictures",
)
