"""The features of a locked picture tower, computed once for every picture and view."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.database import disk_error
from indexer.encoders.headed import Towers
from indexer.errors import PictureError, UsageError
from indexer.images import open_picture
from indexer.limits import Limits
from indexer.meter import Meter
from indexer.types import OnProgress
from search.embed import read_ahead
from tuner.learn.data import Pairs

_BATCH = 32
View = Callable[[Image.Image], Image.Image]

VIEWS: dict[str, View] = {
    "plain": lambda image: image,
    "flip": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "near": lambda image: _part(image, 0.8, 0.5),
    "left": lambda image: _part(image, 0.85, 0.0),
    "right": lambda image: _part(image, 0.85, 1.0),
}
"""How a picture may be looked at: name -> RGB picture to RGB picture. Features are computed once for each."""


class Features:
    """The features of every picture in every view, float16 [views, n, dimension], in a file below `folder`.

    Computed picture by picture and kept: a run that was stopped goes on where it was, and another run on the
    same pictures, tower and views reads nothing.
    """

    def __init__(self, folder: Path, pairs: Pairs, towers: Towers, views: Sequence[str]) -> None:
        unknown = [view for view in views if view not in VIEWS]
        if unknown:
            raise UsageError(f"There is no view {unknown[0]!r}; choose of: {', '.join(VIEWS)}.")
        self.paths, self.towers, self.views = [pair.path for pair in pairs.pairs], towers, tuple(views)
        key = f"{pairs.digest} {towers.fingerprint} {self.views}"
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        self.file, self.notes = folder / f"{name}.f16", folder / f"{name}.json"
        self.failed: dict[int, str] = {}
        """Pictures that can't be read, by their place, with the reason."""

    def compute(self, limits: Limits, on_progress: OnProgress, should_stop: Callable[[], bool]) -> Any:
        """The array, mapped from its file, once all is computed; None where `should_stop` said so before."""
        shape = (len(self.views), len(self.paths), self.towers.dimension)
        try:
            done = self._resume(shape)
            array = np.memmap(self.file, np.float16, "r+", shape=shape)
            meter = Meter("features", len(self.paths), on_progress, done)
            for batch in self._read(done, limits):
                self._fill(array, done, batch)
                done += len(batch)
                meter.at(done)
                stopped = should_stop()
                if stopped or done % (32 * _BATCH) == 0 or done == len(self.paths):
                    array.flush()
                    self._note(done)
                if stopped:
                    return None
        except OSError as error:
            raise disk_error(error, self.file.parent) from error
        return array

    def _resume(self, shape: tuple[int, ...]) -> int:
        """How many pictures are done; makes the file where it isn't there."""
        size = int(np.prod(shape)) * 2
        if self.notes.exists() and self.file.exists() and self.file.stat().st_size == size:
            notes = json.loads(self.notes.read_text())
            self.failed = {int(place): reason for place, reason in notes["failed"].items()}
            return int(notes["done"])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.notes.unlink(missing_ok=True)
        with self.file.open("wb") as file:
            file.truncate(size)
        return 0

    def _note(self, done: int) -> None:
        draft = self.notes.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"done": done, "failed": self.failed}))
        draft.replace(self.notes)

    def _read(self, done: int, limits: Limits) -> Iterator[list[Any]]:
        """Batches of what `prepare` made of each view, None for an unreadable picture."""

        def read(place: int) -> list[Any] | None:
            try:
                picture = open_picture(self.paths[place], limits=limits, min_side=2 * self.towers.picture_size)
            except (PictureError, OSError) as error:
                self.failed[place] = str(error)
                return None
            return [self.towers.prepare(VIEWS[view](picture.image)) for view in self.views]

        return read_ahead(read, range(done, len(self.paths)), _BATCH, threads=2)

    def _fill(self, array: Any, start: int, batch: list[Any]) -> None:
        good = [place for place, views in enumerate(batch) if views is not None]
        for number in range(len(self.views)):
            if good:
                array[number, [start + place for place in good]] = self.towers.features(
                    [batch[place][number] for place in good]
                )


def _part(image: Image.Image, share: float, at: float) -> Image.Image:
    """A part of a picture: `share` of each side, `at` 0..1 of the way from left to right, in the middle vertically."""
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    left, top = round((image.width - width) * at), (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
