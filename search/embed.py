"""Pictures of a data set to vectors, decoded a batch ahead of the model."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import PictureError, UsageError
from indexer.images import open_picture
from indexer.limits import Limits
from indexer.types import Encoder, Floats, OnProgress, Progress

_BATCH = 16
Failures = list[dict[str, str]]


def picture_vectors(
    paths: Sequence[Path], encoder: Encoder, on_progress: OnProgress, limits: Limits
) -> tuple[Floats, list[int], Failures]:
    """Vectors [n, dimension] of the readable pictures, their places in `paths`, and why the others can't be read.

    Raises UsageError where none can be read.
    """
    vectors: list[Floats] = []
    kept: list[int] = []
    failed: Failures = []
    done = 0
    for batch in _prepared(paths, encoder, limits):
        good = [(index, array) for index, array, _ in batch if array is not None]
        if good:
            vectors.append(encoder.encode_pictures([array for _, array in good]))
        kept += [index for index, _ in good]
        failed += [{"path": str(paths[index]), "reason": reason} for index, array, reason in batch if array is None]
        done += len(batch)
        on_progress(Progress("embed", done, len(paths)))
    if not kept:
        raise UsageError(f"None of the {len(paths)} pictures can be read; the first: {failed[0]}.")
    return np.concatenate(vectors), kept, failed


def _prepared(paths: Sequence[Path], encoder: Encoder, limits: Limits) -> Iterator[list[tuple[int, Any, str]]]:
    """Batches of (index, prepared picture or None, reason), decoded by threads one batch ahead."""

    def read(index: int) -> tuple[int, Any, str]:
        try:
            picture = open_picture(paths[index], limits=limits, min_side=encoder.picture_size)
            return index, encoder.prepare(picture.image), ""
        except PictureError as error:
            return index, None, str(error)

    with ThreadPoolExecutor() as pool:
        ahead: Iterable[tuple[int, Any, str]] = ()
        for start in range(0, len(paths), _BATCH):
            coming = pool.map(read, range(len(paths))[start : start + _BATCH])
            if ready := list(ahead):
                yield ready
            ahead = coming
        yield list(ahead)
