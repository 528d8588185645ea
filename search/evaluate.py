"""Quality figures of an encoder on data with known answers: captions, or folders named by what they show."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import NotFoundError, PictureError, UsageError
from indexer.images import is_picture_name, open_picture
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.types import Encoder, Floats, OnProgress, Progress
from search import metrics

_BATCH = 16
_PROMPTS = ("{}", "a photo of a {}")
"""A class's vector is the mean over these (prompt ensembling, Radford et al. 2021)."""


@dataclass(frozen=True, slots=True)
class _Captioned:
    path: Path
    captions: tuple[str, ...]


def _quiet(progress: Progress) -> None:
    """Report nothing."""


def evaluate_captions(
    data: Path,
    encoder: Encoder,
    images: Path | None = None,
    split: str | None = None,
    on_progress: OnProgress = _quiet,
    limits: Limits = DEFAULT_LIMITS,
) -> dict[str, Any]:
    """Recall at 1, 5 and 10 from captions to pictures and back, over all pictures of `split`.

    `data` is JSON lines of {"image", "split", "captions"}; image paths are relative to `images` (default:
    the folder `images` beside `data`, or else that of `data`). Raises UsageError for a missing file, a
    malformed line (named by its number) and a split without pictures. Unreadable pictures are left out and
    listed under "failed".
    """
    items = _read_captions(data, images or _default_images(data), split)
    vectors, kept, failed = _embed([item.path for item in items], encoder, on_progress, limits)
    captions = [items[index].captions for index in kept]
    owner = np.repeat(np.arange(len(kept)), [len(texts) for texts in captions])
    texts = _embed_texts([text for texts in captions for text in texts], encoder)
    pictures = np.arange(len(kept))
    return {
        "encoder": encoder.name,
        "pictures": len(kept),
        "text_to_picture": _recalls(texts, vectors, owner, pictures),
        "picture_to_text": _recalls(vectors, texts, pictures, owner),
        "failed": failed,
    }


def evaluate_labels(
    data: Path, encoder: Encoder, on_progress: OnProgress = _quiet, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """Zero-shot figures on a folder of folders, each named by what its pictures show.

    accuracy: share of pictures whose nearest class name is right. precision@10 and map: pictures ranked by
    each class name. similar_precision@10: pictures ranked by each picture, itself left out. ece: expected
    calibration error of the class probabilities after cross-fitted temperature scaling. Raises UsageError
    when there are no such folders. Unreadable pictures are left out and listed under "failed".
    """
    found = _read_labels(data)
    vectors, kept, failed = _embed([path for path, _ in found], encoder, on_progress, limits)
    names = sorted({found[index][1] for index in kept})
    labels = np.array([names.index(found[index][1]) for index in kept], np.int64)
    scores = vectors @ _embed_classes(names, encoder).T
    shown = labels == np.arange(len(names))[:, None]
    similar, same = _others(vectors @ vectors.T), _others(labels[:, None] == labels)
    confidence = metrics.calibrated_confidence(scores, labels)
    return {
        "encoder": encoder.name,
        "pictures": len(kept),
        "classes": len(names),
        "accuracy": metrics.accuracy(scores, labels),
        "precision@10": metrics.precision_at_k(scores.T, shown, 10),
        "map": metrics.mean_average_precision(scores.T, shown),
        "similar_precision@10": metrics.precision_at_k(similar, same, 10) if len(kept) > 1 else 0.0,
        "ece": metrics.expected_calibration_error(confidence, scores.argmax(axis=1) == labels),
        "failed": failed,
    }


def _read_captions(data: Path, images: Path, split: str | None) -> list[_Captioned]:
    items: list[_Captioned] = []
    splits: set[str] = set()
    try:
        lines = data.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"The captions {data} can't be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            item = _Captioned(images / row["image"], tuple(row["captions"]))
            if isinstance(row["captions"], str) or not all(isinstance(text, str) for text in item.captions):
                raise TypeError
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f'Line {number} of {data} is not of the form {{"image": ..., "split": ..., "captions": [...]}}.'
            ) from error
        splits.add(str(row.get("split")))
        if split is None or row.get("split") == split:
            items.append(item)
    if not items:
        known = f"; it has {', '.join(sorted(splits))}" if splits else ""
        raise UsageError(f"{data} holds no captions{f' of split {split!r}{known}' if split else ''}.")
    return items


def _default_images(data: Path) -> Path:
    beside = data.parent / "images"
    return beside if beside.is_dir() else data.parent


def _read_labels(data: Path) -> list[tuple[Path, str]]:
    if not data.is_dir():
        raise NotFoundError(f"There is no folder {data}.")
    found = [
        (path, folder.name)
        for folder in sorted(data.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and is_picture_name(path.name)
    ]
    if not found:
        raise UsageError(f"{data} holds no folders of pictures: each class is a folder named by what it shows.")
    return found


def _embed(
    paths: Sequence[Path], encoder: Encoder, on_progress: OnProgress, limits: Limits
) -> tuple[Floats, list[int], list[dict[str, str]]]:
    """Vectors of the readable pictures, their indexes in `paths`, and the failures."""
    vectors: list[Floats] = []
    kept: list[int] = []
    failed: list[dict[str, str]] = []
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


def _embed_texts(texts: Sequence[str], encoder: Encoder) -> Floats:
    parts = [encoder.encode_texts(texts[start : start + 256]) for start in range(0, len(texts), 256)]
    return np.concatenate(parts) if parts else np.zeros((0, encoder.dimension), np.float32)


def _embed_classes(names: Sequence[str], encoder: Encoder) -> Floats:
    """Folder names -> the mean of their prompts' vectors, unit norm [n, dimension]."""
    words = [name.replace("_", " ").replace("-", " ").lower() for name in names]
    prompts = [_embed_texts([prompt.format(word) for word in words], encoder) for prompt in _PROMPTS]
    mean = np.mean(prompts, axis=0)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def _recalls(queries: Floats, items: Floats, owners: Any, item_owners: Any) -> dict[str, float]:
    """recall@1, 5, 10, where an item is relevant to a query of the same owner; queries in blocks of 512."""
    totals = dict.fromkeys((1, 5, 10), 0.0)
    for start in range(0, len(queries), 512):
        block = slice(start, start + 512)
        scores, relevant = queries[block] @ items.T, owners[block, None] == item_owners
        for k in totals:
            totals[k] += metrics.recall_at_k(scores, relevant, k) * len(scores)
    return {f"recall@{k}": total / max(1, len(queries)) for k, total in totals.items()}


def _others(square: Any) -> Any:
    """[n, n] -> [n, n - 1] without the diagonal."""
    n = len(square)
    return square[~np.eye(n, dtype=bool)].reshape(n, n - 1)
