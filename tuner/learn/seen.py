"""What a locked encoder sees of pictures before, and the pictures before and after in small: computed once, kept."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.database import disk_error
from indexer.encoders.headed import Towers
from indexer.errors import PictureError
from indexer.limits import Limits
from indexer.meter import Meter
from indexer.types import OnProgress
from search.embed import read_ahead
from tuner.learn.before_after import Examples, fitted

_BATCH = 16


class Seen:
    """Of n examples in v variants: `features` float16 [v, n, f], `befores` uint8 [v, n, s, s, 3], `afters` uint8
    [n, s, s, 3], in files below a folder.

    Computed example by example: a run that was stopped goes on where it was, and another run on the same examples and
    encoder reads nothing.
    """

    features: Any
    befores: Any
    afters: Any

    def __init__(self, folder: Path, examples: Examples, towers: Towers | None, side: int, variants: int) -> None:
        """Without `towers` nothing is seen, and `features` has no columns."""
        self.examples, self.towers, self.side = examples, towers, side
        self.variants = examples.variants or variants
        tower = towers.fingerprint if towers else ""
        key = f"{examples.digest} {tower} {side} {self.variants}"
        self.folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        self.notes = self.folder / "done.json"
        self.failed: dict[int, str] = {}
        """Examples that can't be read, by number, with the reason."""

    def compute(self, limits: Limits, on_progress: OnProgress, should_stop: Callable[[], bool]) -> bool:
        """Read what isn't there yet; False where `should_stop` said so before all was."""
        count = len(self.examples.names)
        try:
            done = self._open(count)
            meter = Meter("reading", count, on_progress, done)
            for batch in self._read(done, limits):
                self._fill(done, batch)
                done += len(batch)
                meter.at(done)
                stopped = should_stop()
                if stopped or done % (32 * _BATCH) == 0 or done == count:
                    self._note(done)
                if stopped:
                    return False
        except OSError as error:
            raise disk_error(error, self.folder) from error
        return True

    def _open(self, count: int) -> int:
        """Map the files, made where they aren't there; how many examples are done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        side, columns = self.side, self.towers.dimension if self.towers else 1
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
            "features": (np.float16, (self.variants, count, columns)),
            "befores": (np.uint8, (self.variants, count, side, side, 3)),
            "afters": (np.uint8, (count, side, side, 3)),
        }
        files = {name: self.folder / f"{name}.npy" for name in shapes}
        fresh = not all(file.exists() for file in (self.notes, *files.values()))
        for name, (kind, shape) in shapes.items():
            mapped = np.lib.format.open_memmap(files[name], "w+" if fresh else "r+", kind, shape)
            setattr(self, name, mapped)
        if fresh:
            return 0
        notes = json.loads(self.notes.read_text())
        self.failed = {int(number): reason for number, reason in notes["failed"].items()}
        return int(notes["done"])

    def _note(self, done: int) -> None:
        for array in (self.features, self.befores, self.afters):
            array.flush()
        draft = self.notes.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"done": done, "failed": self.failed}))
        draft.replace(self.notes)

    def _read(self, done: int, limits: Limits) -> Any:
        """Batches of what is read of each example in all its variants, None for one that can't be."""

        def read(number: int) -> list[Any] | None:
            try:
                return [self._one(number, variant, limits) for variant in range(self.variants)]
            except PictureError as error:
                self.failed[number] = str(error)
                return None

        return read_ahead(read, range(done, len(self.examples.names)), _BATCH, threads=2)

    def _one(self, number: int, variant: int, limits: Limits) -> tuple[Any, Any, Any]:
        """What the encoder reads, and before and after in small."""
        if self.towers is None:
            return None, *self.examples.read(number, variant, self.side, limits)
        before, after = self.examples.read(number, variant, None, limits)
        size = (self.side, self.side)
        return self.towers.prepare(Image.fromarray(before)), fitted(before, size), fitted(after, size)

    def _fill(self, start: int, batch: list[Any]) -> None:
        good = [place for place, read in enumerate(batch) if read is not None]
        rows = [start + place for place in good]
        if not good:
            return
        for variant in range(self.variants):
            if self.towers is not None:
                self.features[variant, rows] = self.towers.features([batch[place][variant][0] for place in good])
            self.befores[variant, rows] = np.stack([batch[place][variant][1] for place in good])
        self.afters[rows] = np.stack([batch[place][0][2] for place in good])
