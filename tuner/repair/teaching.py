"""The collection's colour model: fitted on a sample of its pictures when it is first needed, and kept."""

import hashlib
import math
from pathlib import Path

import numpy as np

from indexer.database import disk_error
from indexer.errors import NotFoundError
from indexer.reader import write_atomically
from tuner.repair.colour_model import ColourModel, fit, load, save
from tuner.repair.examples import Examples, example, joined
from tuner.repair.grey_patches import describe
from tuner.work import Pictures, Work

FEWEST = 50
"""Colour pictures below which nothing is fitted: a handful of neighbours then tells more."""
_FORMAT = 1
_PICTURES, _PATCHES = 2_400, 50
"""How many pictures are read at most, and patches of each: of Flickr8k, 900 gave colours half a CIEDE2000 worse."""
_ALL = 10_000_000
_AT_ONCE = 16
_GROWTH = 1.5
"""The model is fitted anew once the collection has grown or shrunk by about this factor."""


def colour_model(pictures: Pictures, work: Work) -> ColourModel | None:
    """The model of the collection; None where it has too few colour pictures.

    Fitted once on up to 2,400 thumbnails, which takes a few minutes, and kept in `settings.cache`; in a preview only
    what is kept is used. The same for the same pictures, whatever the seed of the run. `work.choices["lesson"]` says
    which one it was: see `kept_lesson`. StoppedError.
    """
    ids = sorted(pictures.newest(_ALL))
    if len(ids) < FEWEST:
        return None
    path = work.settings.cache / "colours.npz"
    features = describe(np.zeros((8, 8), np.float32)).shape[-1]
    facts = {"format": _FORMAT, "features": features, "size": round(math.log(len(ids), _GROWTH))}
    model = load(path, **facts)
    if model is None and not work.preview:
        model = _taught(pictures, ids, work)
        if model is not None:
            save(model, path, **facts)
    if model is not None and not work.preview:
        work.choices["lesson"] = _keep(path, work)
    return model


def kept_lesson(lesson: str, work: Work) -> ColourModel:
    """The model of an earlier run, by the hash that its record names; NotFoundError where it is gone."""
    model = load(work.settings.references / lesson)
    if model is None:
        raise NotFoundError(f"The colours that were learned then ({lesson}) are no longer kept: leave `lesson` empty.")
    work.choices["lesson"] = lesson
    return model


def _keep(path: Path, work: Work) -> str:
    """Keep a copy under its hash, beside what else edits were made with."""
    data = path.read_bytes()
    lesson = hashlib.blake2b(data, digest_size=32).hexdigest()
    copy = work.settings.references / lesson
    if not copy.exists():
        try:
            write_atomically(copy, data)
        except OSError as error:
            raise disk_error(error, work.settings.home) from error
    return lesson


def _taught(pictures: Pictures, ids: list[int], work: Work) -> ColourModel | None:
    random = np.random.default_rng(0)
    drawn = [int(id) for id in random.permutation(ids)[:_PICTURES]]
    found: list[Examples] = []
    for start in range(0, len(drawn), _AT_ONCE):
        for place, picture in enumerate(pictures.thumbnails(drawn[start : start + _AT_ONCE]), start):
            work.step(place, len(drawn), "learning the collection's colours, once")
            one = example(picture)
            if one is not None:
                found.append(one.sampled(_PATCHES, random))
    if len(found) < FEWEST:
        return None
    work.step(len(drawn), len(drawn), "learning the collection's colours, once")
    patches = joined(found)
    return fit(patches.features, patches.chroma)
