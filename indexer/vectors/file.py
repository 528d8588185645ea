"""The append-only file of vectors: the truth from which any index over them is built."""

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.database import disk_error
from indexer.errors import DamageError
from indexer.types import Floats, Ids


class VectorFile:
    """Rows [n, dimension] in `<name>.f32`, or in half precision in `<name>.f16`, and the picture of each row as
    int64 in `<name>.ids`.

    How many rows count is the catalogue's to say: what lies beyond was left by a run that was killed
    before it could commit, and the next append writes over it.
    """

    def __init__(self, folder: Path, name: str, dimension: int, *, half: bool = False) -> None:
        self.dimension = dimension
        self._dtype: type[np.floating[Any]] = np.float16 if half else np.float32
        self._width = dimension * np.dtype(self._dtype).itemsize
        self.vectors_path = folder / f"{name}.{'f16' if half else 'f32'}"
        self.ids_path = folder / f"{name}.ids"

    def append(self, vectors: Floats, ids: Ids, at: int) -> list[int]:
        """Write rows at row `at` and wait until the disk has them; the checksums of what was written.

        Raises HomeError where the disk can't be written, ValueError for vectors of another dimension.
        """
        if vectors.shape != (len(ids), self.dimension):
            raise ValueError(f"vectors {vectors.shape} for {len(ids)} rows of {self.dimension} numbers")
        rows = np.ascontiguousarray(vectors, self._dtype)
        try:
            self.vectors_path.parent.mkdir(parents=True, exist_ok=True)
            _write(self.vectors_path, rows, at * self._width)
            _write(self.ids_path, np.ascontiguousarray(ids, np.int64), at * 8)
        except OSError as error:
            raise disk_error(error, self.vectors_path.parent) from error
        return row_crcs(rows)

    def stored(self) -> int:
        """Whole rows that both files hold, committed or not."""
        return min(_size(self.vectors_path) // self._width, _size(self.ids_path) // 8)

    def vectors(self, rows: int) -> Floats:
        """The first `rows` vectors [rows, dimension] as they are stored, mapped read-only; DamageError where
        some are missing."""
        vectors: Floats = self._map(self.vectors_path, self._dtype, (rows, self.dimension))
        return vectors

    def ids(self, rows: int) -> Ids:
        """The picture ids of the first `rows` rows, mapped read-only."""
        ids: Ids = self._map(self.ids_path, np.int64, (rows,))
        return ids

    def bytes(self) -> int:
        """Size of both files."""
        return _size(self.vectors_path) + _size(self.ids_path)

    def delete(self) -> None:
        """Remove both files."""
        self.vectors_path.unlink(missing_ok=True)
        self.ids_path.unlink(missing_ok=True)

    def _map(self, path: Path, dtype: type, shape: tuple[int, ...]) -> Any:
        if shape[0] == 0:
            return np.empty(shape, dtype)
        try:
            return np.memmap(path, dtype, "r", shape=shape)
        except (OSError, ValueError) as error:
            raise DamageError(
                f"{path} is missing or shorter than the catalogue says ({shape[0]} rows): "
                "run `pixloom rebuild`, which reads the pictures concerned again."
            ) from error


def row_crcs(vectors: NDArray[Any]) -> list[int]:
    """CRC-32 of each row's bytes."""
    return [zlib.crc32(row.tobytes()) for row in vectors]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _write(path: Path, array: NDArray[Any], offset: int) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    with os.fdopen(descriptor, "r+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(array.tobytes())
        file.flush()
        os.fsync(file.fileno())
