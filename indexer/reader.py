"""Reads one file: its hash, and, for a content not seen before, everything the collection keeps of it."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any

from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.errors import PictureError
from indexer.images import open_picture
from indexer.limits import Limits
from indexer.look import look
from indexer.records import IndexInfo
from indexer.sources.sidecar import read_captions, with_sidecars
from indexer.types import Caption, Encoder, Look, Metadata


@dataclass(slots=True)
class Reading:
    """How a content looks, and the array the model reads."""

    look: Look
    prepared: Any


@dataclass(slots=True)
class Outcome:
    """What became of one file. Of a content that is known, `reading` is None, and `metadata` too unless
    a companion file may have changed it; `error` says why a file couldn't be read."""

    file_id: int
    path: Path
    size: int = 0
    mtime_ns: int = 0
    hash: str = ""
    reading: Reading | None = None
    metadata: Metadata | None = None
    captions: tuple[Caption, ...] = ()
    error: str | None = None
    retry: bool = False
    """The error may pass by itself (permissions, a drive that is away): try again at the next run."""
    gone: bool = False


class Reader:
    """Reads files for one index and encoder; called by several threads at once."""

    def __init__(self, catalog: Catalog, settings: Settings, index: IndexInfo, encoder: Encoder) -> None:
        self.catalog, self.settings, self.index, self.encoder = catalog, settings, index, encoder
        self.limits = Limits.of(settings)
        self.min_side = max(encoder.picture_size, settings.thumbnail_size)

    def read(self, file_id: int, path: Path, has_sidecar: bool) -> Outcome:
        """Read a file; whatever is wrong with it is said in the outcome, nothing is raised."""
        outcome = Outcome(file_id, path)
        try:
            data = self._bytes(outcome)
            outcome.hash = hashlib.blake2b(data, digest_size=32).hexdigest()
            outcome.captions = read_captions(path) if has_sidecar else ()
            new = not self._embedded(outcome.hash)
            if new or has_sidecar:
                self._decode(outcome, data, new, has_sidecar)
        except FileNotFoundError:
            outcome.gone = True
        except PictureError as error:
            outcome.error = str(error)
        except OSError as error:
            outcome.error, outcome.retry = f"can't be read: {error.strerror or error}", True
        return outcome

    def _embedded(self, digest: str) -> bool:
        tower = self.encoder.tower
        held = self.catalog.has_embedding(self.index.id, digest)
        return held and (tower is None or self.catalog.has_features(tower.fingerprint, digest))

    def _bytes(self, outcome: Outcome) -> bytes:
        with outcome.path.open("rb") as file:
            status = os.fstat(file.fileno())
            outcome.size, outcome.mtime_ns = status.st_size, status.st_mtime_ns
            limit = self.settings.max_bytes
            if status.st_size > limit:
                raise PictureError(f"{status.st_size} bytes are over the limit of {limit}; raise PIXLOOM_MAX_BYTES")
            return file.read(limit + 1)

    def _decode(self, outcome: Outcome, data: bytes, new: bool, has_sidecar: bool) -> None:
        picture = open_picture(data, limits=self.limits, min_side=self.min_side)
        outcome.metadata = with_sidecars(picture.metadata, outcome.path) if has_sidecar else picture.metadata
        if new:
            seen = look(picture.image, self.settings.thumbnail_size)
            write_atomically(thumbnail_path(self.settings, outcome.hash), seen.thumbnail)
            outcome.reading = Reading(seen, self.encoder.prepare(picture.image))


def thumbnail_path(settings: Settings, digest: str) -> Path:
    """Where the thumbnail of a content lies."""
    return settings.thumbnails / digest[:2] / f"{digest}.webp"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that others see it whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    try:
        try:
            temporary.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
