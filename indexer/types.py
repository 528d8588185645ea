"""Values and protocols that every package shares; no imports of models or stores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture's file says of itself. Sizes in pixels as displayed; degrees for the place."""

    width: int
    height: int
    format: str
    captured_at: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    title: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: `image` is RGB in sRGB, upright, transparency laid over white, and may be
    smaller than the original (never below the size asked for); `metadata` is of the original."""

    image: Image.Image
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like, in small: a WebP thumbnail, a 64-bit perceptual hash as a signed
    integer, and dominant colours as ('#rrggbb', share of the picture in 0..1), largest first."""

    thumbnail: bytes
    phash: int
    colours: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence about a picture; `language` is an ISO 639 code."""

    text: str
    language: str = "en"


class Tower(Protocol):
    """The locked part of an encoder: pictures to features, which are kept, so that whatever lies above it can
    be changed without reading a picture again."""

    fingerprint: str
    """Hex digest of weights and preprocessing: equal means the features are the same."""
    dimension: int
    """Columns of the features."""

    def features(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension], rounded to half precision, as they are kept."""

    def project(self, features: Floats) -> Floats:
        """Features [n, dimension] -> unit-norm vectors of the encoder [n, its dimension]."""


class Encoder(Protocol):
    """Turns pictures and texts into unit-norm float32 vectors of one space.

    `prepare` is called by several threads at once; each encode method by one at a time, while the other may
    be running too.
    """

    name: str
    """As the user writes it: `embedded`, `clip:ViT-B-32/laion2b_s34b_b79k`."""
    fingerprint: str
    """Hex digest of weights, preprocessing and heads: equal means the vectors can be compared."""
    dimension: int
    picture_size: int
    """Shorter side in pixels below which a picture need not be decoded larger."""
    notice: str | None
    """One line that users must see whenever this encoder is used."""
    tower: Tower | None
    """What its vectors are projected from, where it has heads over a locked tower; `encode_pictures` is then
    the projection of the features."""

    def prepare(self, image: Image.Image) -> Any:
        """RGB picture of any size -> the array the model reads, without a batch axis."""

    def encode_pictures(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> [n, dimension]."""

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> [n, dimension]."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows of the vector store and their inner products, best first, for one query."""

    rows: Ids
    scores: Floats


class VectorStore(Protocol):
    """Inner-product search over rows 0..n-1 of unit-norm float32 vectors. A store never changes, so threads
    may search it while another is made of it."""

    kind: str
    error: float
    """How far a score may be from the exact inner product of unit vectors."""

    def __len__(self) -> int:
        """Rows held."""

    def extended(self, vectors: Floats) -> "VectorStore":
        """A store of these rows and those of [n, dimension] after them."""

    def search(self, queries: Floats, k: int, allowed: Ids | None = None) -> list[Hits]:
        """The k best rows for each of [n, dimension]; only rows in `allowed` where it is given."""


@dataclass(slots=True)
class Progress:
    """Where a long run stands; `stage` is one word such as 'scan' or 'embed'."""

    stage: str
    done: int = 0
    total: int | None = None
    rate: float | None = None
    """Items per second over the last few seconds."""
    eta: float | None = None
    """Seconds left, where it can be told."""
    unit: str = ""
    """What is counted, where it isn't items: `B` for bytes."""


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Report:
    """What one indexing run did; counts of files unless named otherwise."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    unchanged: int = 0
    embedded: int = 0
    """Distinct pictures that went through the encoder."""
    projected: int = 0
    """Pictures whose vectors came from features that were kept: none of their files was opened."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    """Folders asked for before that aren't there now; their pictures are kept."""
    interrupted: bool = False
    seconds: float = 0.0

    def count(self, batch: "Report") -> None:
        """Add what one batch did; a file that moved is neither new nor gone."""
        self.embedded += batch.embedded
        self.moved += batch.moved
        self.added -= batch.moved
        self.gone -= min(batch.moved, self.gone)
        self.failed += batch.failed
