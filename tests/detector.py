"""A detector of three classes as an ONNX file, written by hand: what it finds is a closed form of the colours."""

from pathlib import Path

import numpy as np

from indexer.config import Settings
from indexer.models import find
from indexer.models.shelf import target, write_record

NAMES = {0: "FEMALE_BREAST_EXPOSED", 1: "FACE_FEMALE", 2: "BUTTOCKS_EXPOSED"}


def write_detector(path: Path, names: dict[int, str] = NAMES) -> Path:
    """[?, 3, ?, ?] -> [1, 7, 4]: for each quarter of the square a box of zeros, and as scores of the three classes its
    mean red, green and blue. The layout of files is that of onnx.proto, IR version 8."""
    weights = np.concatenate([np.zeros((4, 3)), np.eye(3)]).astype("<f4")[..., None]
    pool = _message(
        (1, "images"), (2, "pooled"), (4, "AveragePool"), (5, _ints("kernel_shape", 160)), (5, _ints("strides", 160))
    )
    flatten = _message((1, "pooled"), (1, "shape"), (2, "flat"), (4, "Reshape"))
    mix = _message((1, "flat"), (1, "weights"), (2, "output0"), (4, "Conv"))
    graph = _message(
        *((1, node) for node in (pool, flatten, mix)),
        (2, "detector"),
        (5, _tensor("shape", 7, np.array([1, 3, 4], "<i8"))),
        (5, _tensor("weights", 1, weights)),
        (11, _value("images", "n", 3, "height", "width")),
        (12, _value("output0", "n", 7, "places")),
    )
    told = _message((1, "names"), (2, str(names)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_message((1, 8), (7, graph), (8, _message((1, ""), (2, 13))), (14, told)))
    return path


def pulled_detector(settings: Settings) -> Path:
    """The detector in the place of the filter's network, as if it had been pulled."""
    spec = find("nudenet-320n")
    assert spec is not None
    path = write_detector(target(spec, settings))
    write_record(spec, settings, {path.name: path.stat().st_size}, spec.sha256)
    return path


def _message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """Numbers and texts, or messages within, as Protocol Buffers encode them."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return out


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _ints(name: str, side: int) -> bytes:
    return _message((1, name), (20, 7), (8, side), (8, side))


def _tensor(name: str, kind: int, values: np.ndarray) -> bytes:
    return _message(*((1, side) for side in values.shape), (2, kind), (8, name), (9, values.tobytes()))


def _value(name: str, *sides: int | str) -> bytes:
    dims = (_message((1, side) if isinstance(side, int) else (2, side)) for side in sides)
    return _message((1, name), (2, _message((1, _message((1, 1), (2, _message(*((1, dim) for dim in dims))))))))
