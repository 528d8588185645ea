"""The quality guard: an outcome that nobody can want is an error, never a success."""

import cv2
import numpy as np

from indexer.errors import QualityError
from indexer.types import Floats
from tuner.evaluate.measures import ssim
from tuner.operation import Operation
from tuner.raster import Raster, luminance

_BLACK = 1 / 255
"""Luma below which nothing can be seen."""
_FLAT = 0.5 / 255
"""Standard deviation of a picture of one colour, quantised to 8 bits."""
_DRIFT_SIDE = 256
_STRIP = 2**20


def check_outcome(source: Raster, outcome: Raster, operation: Operation) -> None:
    """QualityError, which says what is wrong, where an outcome is not a number, black, flat or fully transparent and
    its source wasn't, of another size than its source's, or the same picture.

    Outcomes of operations that change the size may have any, and are never the same picture. For one made of several
    pictures, `source` is the first; for one made of nothing, give any picture of its size.
    """
    name = operation.name
    if outcome.rgb.ndim != 3 or outcome.rgb.shape[2] != 3 or min(outcome.size) < 1:
        raise QualityError(f"{name} gave no picture: an array of shape {outcome.rgb.shape}. Nothing was written.")
    if not operation.resizes and outcome.size != source.size:
        raise QualityError(
            f"{name} gave {_by(outcome)} pixels for a picture of {_by(source)}: it must keep the size. "
            "Nothing was written."
        )
    if outcome.alpha is not None and outcome.alpha.shape != outcome.rgb.shape[:2]:
        raise QualityError(f"{name} gave a transparency of another size than the picture. Nothing was written.")
    wrong = _broken(outcome) or _empty(source, outcome)
    if wrong:
        raise QualityError(f"{name} gave a picture that {wrong}. Nothing was written; try other parameters.")
    if not operation.resizes and unchanged(source, outcome):
        raise QualityError(
            f"{name} changed nothing that could be seen in a file of {outcome.depth} bits. Nothing was written; "
            "try it stronger, or the picture needs none of it."
        )


def unchanged(source: Raster, outcome: Raster) -> bool:
    """Whether two pictures of one size are equal within half a step of the outcome's depth, transparency included."""
    step = 0.5 / (255 if outcome.depth == 8 else 65535)
    if (source.alpha is None) != (outcome.alpha is None):
        opaque = outcome.alpha if source.alpha is None else source.alpha
        if opaque is not None and float(opaque.min()) < 1 - step:
            return False
    elif source.alpha is not None and outcome.alpha is not None and _differ(source.alpha, outcome.alpha, step):
        return False
    return not _differ(source.rgb, outcome.rgb, step)


def drift(source: Raster, outcome: Raster) -> float:
    """How alike an outcome is to its source: SSIM of their luma on copies of at most 256 pixels a side, -1..1.

    Sizes may differ: both are brought to one. Transparent parts count as they are over white.
    """
    longest = max(*source.size, *outcome.size)
    part = min(1.0, _DRIFT_SIDE / longest)
    # The structural window needs 11 pixels.
    width, height = (max(11, round(side * part)) for side in source.size)
    return ssim(_small(source, (width, height)), _small(outcome, (width, height)))


def _small(raster: Raster, size: tuple[int, int]) -> Floats:
    small: Floats = cv2.resize(luminance(_over_white(raster)), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small


def _over_white(raster: Raster) -> Floats:
    if raster.alpha is None:
        return raster.rgb
    alpha = raster.alpha[..., None]
    return raster.rgb * alpha + (1 - alpha)


def _differ(first: Floats, second: Floats, step: float) -> bool:
    """Whether any value differs by more than a step; in strips, since most differ at once."""
    rows = max(1, _STRIP // max(1, first[:1].size))
    return any(
        bool(np.any(np.abs(first[top : top + rows] - second[top : top + rows]) > step))
        for top in range(0, len(first), rows)
    )


def _broken(outcome: Raster) -> str | None:
    for values, what in ((outcome.rgb, "pixels"), (outcome.alpha, "transparency values")):
        if values is None:
            continue
        bad = int(values.size - np.count_nonzero(np.isfinite(values)))
        if bad:
            return f"isn't one: {bad} of {values.size} {what} are not numbers"
        least, greatest = float(values.min()), float(values.max())
        if least < -1e-3 or greatest > 1 + 1e-3:
            return f"is out of range: {what} from {least:.3g} to {greatest:.3g}, where 0 to 1 is all there is"
    return None


def _empty(source: Raster, outcome: Raster) -> str | None:
    """What is missing from an outcome that was there in the source."""
    if outcome.alpha is not None and outcome.alpha.max() < _BLACK and not _invisible(source):
        return "is fully transparent"
    if outcome.rgb.max() < _BLACK and source.rgb.max() >= _BLACK:
        return "is black"
    if _flat(outcome) and not _flat(source):
        return "is flat: of one colour all over"
    return None


def _invisible(raster: Raster) -> bool:
    return raster.alpha is not None and float(raster.alpha.max()) < _BLACK


def _flat(raster: Raster) -> bool:
    return bool(np.all(np.std(raster.rgb, axis=(0, 1), dtype=np.float64) < _FLAT))


def _by(raster: Raster) -> str:
    return f"{raster.size[0]}x{raster.size[1]}"
