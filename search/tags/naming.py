"""A scorer for an encoder and a vocabulary, with the vectors of all names: shipped, kept from before, or embedded."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.serial import unwrapped
from indexer.reader import write_atomically
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
) -> Iterator[Floats]:
    """The names' vectors, some hundreds at a time, each lot kept as soon as it is there: a run that is stopped goes on
    from there."""
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        told = hashlib.sha256("\n".join([encoder.fingerprint, *some]).encode()).hexdigest()[:32]
        kept = cache / "names" / f"{told}.npy" if cache else None
        vectors = _kept(kept, (len(some), encoder.dimension))
        if vectors is None:
            vectors = encoder.encode_texts(some)
            if kept is not None:
                _keep(kept, vectors)
            if on_progress:
                on_progress(Progress("name", start + len(some), len(names)))
        yield from vectors


def _kept(path: Path | None, shape: tuple[int, int]) -> Floats | None:
    if path is None or not path.is_file():
        return None
    try:
        vectors: Floats = np.load(path)
    except (OSError, ValueError):
        return None  # damaged: computed again
    return vectors if vectors.shape == shape else None


def _keep(path: Path, vectors: Floats) -> None:
    data = io.BytesIO()
    np.save(data, vectors)
    write_atomically(path, data.getvalue())
