"""A collection for operations under test: pictures in memory, by id."""

from collections.abc import Mapping, Sequence

import numpy as np

from indexer.errors import NotFoundError
from indexer.types import Floats, Ids
from tuner.raster import Raster, reduced


class Shelf:
    """`Pictures` over rasters; alike are those whose mean colours are near."""

    def __init__(self, pictures: Mapping[int, Raster]) -> None:
        self.pictures = dict(pictures)

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        id = int(reference.lstrip("#"))
        if id not in self.pictures:
            raise NotFoundError(f"There is no picture #{id} in the collection.")
        return reduced(self.pictures[id], max_side) if max_side else self.pictures[id]

    def similar(self, picture: Raster, k: int) -> list[int]:
        wanted = self.vectors([picture])[0]
        return sorted(self.pictures, key=lambda id: -float(self.vectors([self.pictures[id]])[0] @ wanted))[:k]

    def find(self, query: str, k: int) -> list[int]:
        return [int(word) for word in query.split()][:k]

    def newest(self, k: int) -> list[int]:
        return sorted(self.pictures, reverse=True)[:k]

    def tags(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        return [() for _ in ids]

    def thumbnails(self, ids: Sequence[int]) -> list[Raster]:
        return [reduced(self.pictures[id], 64) for id in ids if id in self.pictures]

    def vectors(self, pictures: Sequence[Raster]) -> Floats:
        means = np.stack([np.append(one.rgb.mean((0, 1)) - 0.5, 0.1) for one in pictures])
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)

    def stored(self, ids: Sequence[int]) -> tuple[Ids, Floats]:
        known = [id for id in ids if id in self.pictures]
        return np.array(known, np.int64), self.vectors([self.pictures[id] for id in known])


def plain(colour: Sequence[float], size: tuple[int, int] = (64, 48)) -> Raster:
    """One colour all over, 0..1; `size` is width and height."""
    return Raster(np.full((size[1], size[0], 3), colour, np.float32))
