"""Embedded text queries, kept on disk: a repeated query needs no model."""

import hashlib
import os
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexer.types import Floats

SLOTS = 4096
_KEY, _CHECKSUM = 32, 4


class QueryCache:
    """A direct-mapped table of files below `folder`: a text's hash names one of 4096 slots, a later text of
    the same slot replaces the former, so the size is bounded (8 MB of 512-d vectors).

    Whatever is unreadable, damaged or can't be written counts as a miss; nothing raises. Processes and
    threads may share the folder.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` (`settings.cache`) is made on the first put."""
        self._folder = folder / "queries"

    def get(self, fingerprint: str, text: str) -> Floats | None:
        """The vector [dimension] that the encoder of `fingerprint` gave for `text`, or None."""
        key, path = self._slot(fingerprint, text)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        stored, checksum, vector = content[:_KEY], content[_KEY : _KEY + _CHECKSUM], content[_KEY + _CHECKSUM :]
        if stored != key or checksum != _checksum(vector) or not vector or len(vector) % 4:
            return None
        return np.frombuffer(vector, "<f4").astype(np.float32)

    def put(self, fingerprint: str, text: str, vector: Floats) -> None:
        """Keep the vector [dimension] of `text`."""
        key, path = self._slot(fingerprint, text)
        values = np.asarray(vector, "<f4").tobytes()
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(key + _checksum(values) + values)
                Path(draft).replace(path)
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise

    def _slot(self, fingerprint: str, text: str) -> tuple[bytes, Path]:
        key = hashlib.sha256(f"{fingerprint}\0{text}".encode("utf-8", "surrogatepass")).digest()
        return key, self._folder / f"{int.from_bytes(key[:4], 'little') % SLOTS:03x}"


def _checksum(values: bytes) -> bytes:
    return zlib.crc32(values).to_bytes(_CHECKSUM, "little")
