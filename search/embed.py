"""Pictures of a data set to vectors, decoded a batch ahead of the model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from indexer.errors import PictureError, UsageError
from indexer.images import open_picture
from indexer.limits import Limits
from indexer.types import Encoder, Floats, OnProgress, Progress

_BATCH = 16
Read = TypeVar("Read")
Failures = list[dict[str, str]]


def picture_vectors(
    paths: Sequence[Path],
    encoder: Encoder,
    on_progress: OnProgress,
    limits: Limits,
    encode: Callable[[Sequence[Any]], Floats] | None = None,
) -> tuple[Floats, list[int], Failures]:
    """Vectors [n, dimension] of the readable pictures, their places in `paths`, and why the others can't be read.

    `encode` is the encoder's `encode_pictures`, or something else that takes what it prepares, such as the features of
    its tower. Raises UsageError where none can be read.
    """
    encode = encode or encoder.encode_pictures
    vectors: list[Floats] = []
    kept: list[int] = []
    failed: Failures = []
    done = 0
    for batch in _prepared(paths, encoder, limits):
        good = [(index, array) for index, array, _ in batch if array is not None]
        if good:
            vectors.append(encode([array for _, array in good]))
        kept += [index for index, _ in good]
        failed += [{"path": str(paths[index]), "reason": reason} for index, array, reason in batch if array is None]
        done += len(batch)
        on_progress(Progress("embed", done, len(paths)))
    if not kept:
        raise UsageError(
            f"None of the {len(paths)} pictures can be read; the first: {failed[0]['path']}: {failed[0]['reason']}."
        )
    return np.concatenate(vectors), kept, failed


def _prepared(paths: Sequence[Path], encoder: Encoder, limits: Limits) -> Iterator[list[tuple[int, Any, str]]]:
    """Batches of (index, prepared picture or None, reason)."""

    def read(index: int) -> tuple[int, Any, str]:
        try:
            picture = open_picture(paths[index], limits=limits, min_side=encoder.picture_size)
            return index, encoder.prepare(picture.image), ""
        except PictureError as error:
            return index, None, str(error)

    return read_ahead(read, range(len(paths)), _BATCH)


def read_ahead(
    read: Callable[[int], Read], places: range, size: int, threads: int | None = None
) -> Iterator[list[Read]]:
    """What `read` gives for each place, in batches of `size`; threads read the next batch meanwhile."""
    with ThreadPoolExecutor(threads) as pool:
        ahead: Iterable[Read] = ()
        for start in range(0, len(places), size):
            coming = pool.map(read, places[start : start + size])
            if ready := list(ahead):
                yield ready
            ahead = coming
        if last := list(ahead):
            yield last
