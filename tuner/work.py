"""What an operation is given beside the picture: settings, seed, the collection's pictures, and a way to report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from indexer.config import Settings
from indexer.errors import StoppedError
from indexer.types import Floats, Ids
from tuner.raster import Raster

OnStep = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what is being done."""


class Pictures(Protocol):
    """The collection as operations look at it."""

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        """The picture that a reference names: `12` or `#12` of the collection, or a path where files may be read.

        With `max_side` it is scaled down to that many pixels on its longer side. NotFoundError, UsageError,
        PictureError.
        """

    def similar(self, picture: Raster, k: int) -> list[int]:
        """Ids of the k pictures most like it by the collection's encoder, best first, edits left out; fewer where
        there are fewer."""

    def find(self, query: str, k: int) -> list[int]:
        """Ids that a line of the query language finds, best first."""

    def newest(self, k: int) -> list[int]:
        """Ids of the last k pictures that came in, edits left out."""

    def tags(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """Names of the tags of each, the surest first; () where it has none."""

    def thumbnails(self, ids: Sequence[int]) -> list[Raster]:
        """Their thumbnails (longer side `Settings.thumbnail_size`), quick to read; ids without one are left out."""

    def vectors(self, pictures: Sequence[Raster]) -> Floats:
        """Unit-norm embeddings [n, dimension] by the collection's encoder."""

    def texts(self, texts: Sequence[str]) -> Floats:
        """Unit-norm embeddings [n, dimension] of texts, in the same space as `vectors`."""

    def meanings(self, texts: Sequence[str]) -> Floats:
        """Unit-norm vectors [n, m] in which texts that mean the same are near: those of the encoder's text tower
        before it was taught about pictures, where that can be had, otherwise `texts`."""

    def liked(self, user: str, k: int) -> list[int]:
        """Ids of the last k pictures that a person liked, newest first. UsageError for what is no name."""

    def stored(self, ids: Sequence[int]) -> tuple[Ids, Floats]:
        """Ids of those that have a vector in the index, and the vectors [m, dimension]."""


@dataclass(slots=True)
class Work:
    """One run of an operation."""

    settings: Settings
    seed: int = 0
    """Everything random of the run begins from it: the same seed gives the same pixels."""
    preview: bool = False
    """A quick look is wanted, at reduced size: few steps rather than the best outcome."""
    scale: float = 1.0
    """Side of the picture as it is given over that of the whole one, which parameters in pixels speak of: below 1 in
    previews."""
    tile: int = 1024
    """Longest side in pixels of what is processed at once, where an operation can work in parts."""
    pictures: Pictures | None = None
    on_step: OnStep | None = None
    should_stop: Callable[[], bool] = lambda: False
    notes: list[str] = field(default_factory=list)
    """What the user should know of how it was done, such as that a smaller tile was used."""
    choices: dict[str, Any] = field(default_factory=dict)
    """Parameters that the run itself decided by looking at the collection: with these given, it makes the same pixels
    whatever the collection holds by then."""
    used: list[int] = field(default_factory=list)
    """Ids of the collection's pictures that went into the outcome, beside the one that is worked on."""
    model_used: dict[str, str] = field(default_factory=dict)
    """Name -> SHA-256 of the weights that the run itself settled on, the one that matters most first."""
    subject: str | None = None
    """How the picture that is worked on is named as a reference, where it is one of the collection."""

    def step(self, done: int, total: int, what: str = "") -> None:
        """Say where it stands; StoppedError where the user has stopped it. Call it at least once a second."""
        if self.should_stop():
            raise StoppedError("It was stopped.")
        if self.on_step is not None:
            self.on_step(done, total, what)

    def note(self, text: str) -> None:
        """Tell the user something about how it was done, once."""
        if text not in self.notes:
            self.notes.append(text)

    def model(self, name: str) -> Path | None:
        """The weights of a model of the table, where they were pulled to this machine; None where not."""
        from indexer.models import find
        from indexer.models.shelf import here, target

        spec = find(name)
        if spec is None or here(spec, self.settings) != "yes":
            return None
        path = target(spec, self.settings)
        return path if path.is_file() else None
