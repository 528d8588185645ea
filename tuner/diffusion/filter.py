"""The optional filter: an outcome that shows exposed parts of bodies is a failure, and isn't kept."""

import ast
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from indexer.encoders.graph import needed
from indexer.errors import EncoderError, QualityError, UsageError
from indexer.models import find
from indexer.models.licence import require_accepted
from indexer.models.spec import in_bytes
from indexer.types import Floats
from tuner.operation import Operation
from tuner.raster import Raster
from tuner.work import Work

MODEL = "nudenet-320n"
REFUSED = {
    "FEMALE_BREAST_EXPOSED": "a bare breast",
    "FEMALE_GENITALIA_EXPOSED": "genitals",
    "MALE_GENITALIA_EXPOSED": "genitals",
    "ANUS_EXPOSED": "an anus",
    "BUTTOCKS_EXPOSED": "bare buttocks",
}
"""Classes of NudeNet 3.4 that aren't let through; its others are faces, feet, bellies, and whatever is covered."""
SURE = 0.25
"""Score from which something counts as found: the threshold of the package that the network comes in."""
SIDE = 320
"""Pixels a side of the squares that it learned from."""


def filter_of(operation: Operation, work: Work) -> Path | None:
    """The network that outcomes of an operation have to pass; None where they need not.

    They need to where the setting `content_filter` is on and the operation generates. UsageError where the network
    isn't here: what can't be checked isn't made.
    """
    if not work.settings.content_filter or operation.task != "generate":
        return None
    spec = find(MODEL)
    assert spec is not None, "the table has it"
    path = work.model(MODEL)
    if path is None:
        raise UsageError(
            f"The content filter is on and its network isn't here: `pixloom models pull {MODEL} --accept-licence` "
            f"({in_bytes(spec.size)}, {spec.licence}), or unset PIXLOOM_CONTENT_FILTER."
        )
    require_accepted(spec, work.settings)
    return path


def check_content(outcome: Raster, operation: Operation, network: Path) -> None:
    """QualityError, which says what was found, where an outcome shows what isn't let through."""
    scores = found(outcome.rgb, network)
    worst = max(REFUSED, key=lambda name: scores.get(name, 0.0))
    if scores.get(worst, 0.0) >= SURE:
        raise QualityError(
            f"{operation.name} gave a picture that the content filter refuses: it seems to show {REFUSED[worst]} "
            f"(score {scores[worst]:.2f}, allowed below {SURE:g}). Nothing was written; try another prompt or seed."
        )


def found(rgb: Floats, network: Path) -> dict[str, float]:
    """What a YOLOv8 detector (Jocher et al. 2023) finds in [h, w, 3] of 0..1: class -> its greatest score, 0..1.

    `network` is an ONNX file whose outcome is [1, 4 + classes, places], four numbers of a box and a score for each
    class, and that names its classes. A place is of the class of its greatest score. Boxes are not looked at, so no
    overlapping ones need be merged. EncoderError for a file that isn't such a network, DependencyError without
    openvino.
    """
    request, names = _loaded(network, network.stat().st_mtime_ns)
    scores = np.asarray(request.infer([_squared(rgb)])[0])[0, 4:]
    best = scores.argmax(axis=0)
    return {name: float(scores[number, best == number].max(initial=0.0)) for number, name in names.items()}


def _squared(rgb: Floats) -> Floats:
    """The picture as the network learned from them: 320 pixels on the longer side, its edges drawn out to a square;
    [1, 3, 320, 320]."""
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    down, right = SIDE - size[1], SIDE - size[0]
    square = np.pad(small, ((down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(np.moveaxis(square, 2, 0)[None], np.float32)


@lru_cache(maxsize=1)
def _loaded(path: Path, _changed: int) -> tuple[Any, dict[int, str]]:
    """The network, compiled, and the names of its classes, which are in the file."""
    core = needed("openvino").Core()
    try:
        model = core.read_model(path)
        names = ast.literal_eval(model.get_rt_info(["framework", "names"]).value)
        model.reshape([1, 3, SIDE, SIDE])
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        shape = compiled.output(0).shape
    except (RuntimeError, ValueError, SyntaxError) as error:
        raise EncoderError(f"{path} can't be read as a detector: {str(error).splitlines()[0][:200]}") from error
    if len(shape) != 3 or shape[1] != 4 + len(names):
        raise EncoderError(f"{path} is no detector of {len(names)} classes: its outcome is of shape {list(shape)}.")
    return compiled.create_infer_request(), names
