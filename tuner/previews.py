"""A quick look at what an operation would make of a picture, at reduced size, kept for the next time."""

import hashlib
import io
import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any

import numpy as np
from PIL import Image

from indexer import __version__
from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from indexer.images import open_picture
from indexer.limits import Limits
from indexer.reader import write_atomically
from indexer.records import Record
from tuner.edits import edit_of
from tuner.operation import Parameters
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster, from_bytes, reduced, to_bytes
from tuner.references import settled
from tuner.work import Pictures, Work

SIZE = 512
"""Usual longer side of a preview, pixels."""
SMALLEST, LARGEST = 32, 1024
_AT_ONCE = 2
"""Previews that are computed at the same time: more would only wait for each other's cores."""
_KEPT_SOURCES = 8
_KEPT_FILES = 2000
_QUALITY = 85


class Previews:
    """Previews of one collection's pictures; safe to share between threads."""

    def __init__(self, collection: Collection, pictures: Pictures) -> None:
        self.collection, self.pictures = collection, pictures
        self._sources: OrderedDict[tuple[str, int], Raster] = OrderedDict()
        self._lock, self._turns = Lock(), Semaphore(_AT_ONCE)

    def preview(self, id: int, name: str, given: Mapping[str, Any], *, size: int = SIZE, seed: int = 0) -> bytes:
        """WebP of what an operation makes of a picture, reduced to `size` pixels on its longer side.

        It is made at reduced size, so what works in pixels (noise, sharpness) shows more strongly than it will.
        Raises NotFoundError, UsageError (operation, parameters, size), PictureError, TuneError.
        """
        if not SMALLEST <= size <= LARGEST:
            raise UsageError(f"size is {size}: ask for {SMALLEST} to {LARGEST} pixels.")
        operation = get_operation(name)
        parameters = read_parameters(operation, settled(operation, given, self.collection.settings, files=False))
        record = self.collection.catalog.picture(id)
        path = self._path(record, name, parameters, size, seed)
        try:
            return path.read_bytes()
        except OSError:
            pass
        with self._turns:
            source = self._source(record, size)
            work = Work(
                self.collection.settings,
                seed=seed,
                preview=True,
                scale=source.size[0] / record.width,
                pictures=self.pictures,
                subject=f"#{id}",
            )
            data = encoded(operation.apply(source, parameters, work), size)
        self._keep(path, data)
        return data

    def _source(self, record: Record, size: int) -> Raster:
        key = record.hash, size
        with self._lock:
            if key in self._sources:
                self._sources.move_to_end(key)
                return self._sources[key]
        limits = Limits.of(self.collection.settings)
        image = open_picture(record.file(), limits=limits, min_side=size).image
        if max(image.size) > size:
            image.thumbnail(
                (size, size), Image.Resampling.BOX if max(image.size) > 4 * size else Image.Resampling.BICUBIC
            )
        source = from_bytes(np.asarray(image))
        with self._lock:
            self._sources[key] = source
            while len(self._sources) > _KEPT_SOURCES:
                self._sources.popitem(last=False)
        return source

    def _path(self, record: Record, name: str, parameters: Parameters, size: int, seed: int) -> Path:
        told = json.dumps([record.hash, name, parameters.model_dump(mode="json"), size, seed, __version__])
        return self._folder / f"{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}.webp"

    @property
    def _folder(self) -> Path:
        return self.collection.settings.cache / "previews"

    def _keep(self, path: Path, data: bytes) -> None:
        """Best effort: a full disk must not take a preview away that is already made."""
        try:
            write_atomically(path, data)
            kept = sorted(self._folder.glob("*.webp"), key=lambda one: one.stat().st_mtime_ns)
            for old in kept[:-_KEPT_FILES]:
                old.unlink(missing_ok=True)
        except OSError:
            pass


def encoded(outcome: Raster, size: int = LARGEST) -> bytes:
    """An outcome as WebP, at most `size` pixels on its longer side, with its transparency."""
    small = reduced(outcome, size)
    pixels = small.rgb if small.alpha is None else np.dstack([small.rgb, small.alpha])
    stream = io.BytesIO()
    Image.fromarray(to_bytes(pixels)).save(stream, "WEBP", quality=_QUALITY, method=2)
    return stream.getvalue()


def before_after(collection: Collection, id: int, size: int) -> bytes:
    """An edit to the right of its parent, both `size` pixels high or less, as WebP. NotFoundError for a picture that no
    operation made, or whose parent's file is gone; PictureError."""
    record = collection.catalog.picture(id)
    with collection.catalog.database.read() as connection:
        edit = edit_of(connection, id)
    if edit is None or edit.parent is None:
        raise NotFoundError(f"#{id} was not made from another picture: there is no before.")
    limits = Limits.of(collection.settings)
    sides = [
        open_picture(one.file(), limits=limits, min_side=size).image
        for one in (collection.catalog.picture(edit.parent), record)
    ]
    height = min(size, *(side.height for side in sides))
    sides = [side.resize((max(1, round(side.width * height / side.height)), height)) for side in sides]
    both = Image.new("RGB", (sum(side.width for side in sides), height))
    both.paste(sides[0], (0, 0))
    both.paste(sides[1], (sides[0].width, 0))
    stream = io.BytesIO()
    both.save(stream, "WEBP", quality=_QUALITY, method=2)
    return stream.getvalue()
