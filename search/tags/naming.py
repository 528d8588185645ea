"""A scorer for an encoder and a vocabulary, with the vectors of all names: shipped, kept from before, or embedded."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.serial import unwrapped
from indexer.types import Encoder, Floats, OnProgress, Progress
from search.knowledge.everyday import Everyday
from search.tags.scorer import Scorer
from search.tags.tag_model import TagModel, read_tag_model
from search.tags.vocabulary import Vocabulary, everyday_vocabulary

_AT_ONCE = 256


def make_scorer(
    encoder: Encoder,
    vocabulary: Vocabulary,
    everyday: Everyday,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Scorer:
    """The scorer, by the shipped model where that is of this encoder. Names that have to be embedded, at some hundred a
    second, are kept in the folder `cache`. Raises EncoderError."""
    model = read_tag_model()
    itself = unwrapped(encoder)
    fits = isinstance(itself, HeadedEncoder) and itself.fingerprint == model.fingerprint
    shipped: dict[str, Floats] = {}
    if fits and isinstance(itself, HeadedEncoder):
        shipped = _shipped(itself, model, everyday)
    wanted = [one.names[0] for one in vocabulary.concepts]
    classes = [everyday[id].names[0] for id in everyday.classes]
    missing = [name for name in dict.fromkeys([*wanted, *classes]) if name not in shipped]
    vectors = dict(zip(missing, _embedded(encoder, missing, cache, on_progress), strict=True)) | shipped
    names, known = (np.stack([vectors[name] for name in some]) for some in (wanted, classes))
    return Scorer(encoder, vocabulary, everyday, names, known, model if fits else None)


def _shipped(encoder: HeadedEncoder, model: TagModel, everyday: Everyday) -> dict[str, Floats]:
    known = {one.id: one.names[0] for one in everyday_vocabulary(everyday).concepts}
    names = [known[id] for id in model.concepts]
    return dict(zip(names, encoder.project_texts(model.names, names), strict=True))


def _embedded(
    encoder: Encoder, names: Sequence[str], cache: Path | None, on_progress: OnProgress | None
) -> Sequence[Floats] | Floats:
    if not names:
        return ()
    told = hashlib.sha256("\n".join([encoder.fingerprint, *names]).encode()).hexdigest()[:32]
    kept = cache / f"names-{told}.npy" if cache else None
    if kept is not None and kept.is_file():
        try:
            vectors: Floats = np.load(kept)
            if vectors.shape == (len(names), encoder.dimension):
                return vectors
        except (OSError, ValueError):
            pass  # damaged: computed again
    parts = []
    for start in range(0, len(names), _AT_ONCE):
        parts.append(encoder.encode_texts(names[start : start + _AT_ONCE]))
        if on_progress:
            on_progress(Progress("name", min(start + _AT_ONCE, len(names)), len(names)))
    vectors = np.concatenate(parts)
    if kept is not None and len(names) > _AT_ONCE:
        _keep(kept, vectors)
    return vectors


def _keep(path: Path, vectors: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        np.save(file, vectors)
    temporary.replace(path)
