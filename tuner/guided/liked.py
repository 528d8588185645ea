"""Whose look it is: liked pictures and usual ones, brought together for `taste`."""

from collections.abc import Sequence

import numpy as np

from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tuner.guided.looks import Look
from tuner.guided.taste import FEWEST, FEWEST_OTHERS, Sample, bounded, colours_of, taste_look
from tuner.raster import Raster, reduced
from tuner.work import Pictures, Work

MOST_LIKED = 60
"""The last ones that a person liked, which are read."""
_SIDE = 256
_NEWEST, _ALIKE = 200, 12
"""Other pictures of the collection that say what is usual: the newest, and for each liked one those most like it."""


def liked_by(user: str, work: Work) -> list[str]:
    """References to the pictures that a person liked last; UsageError where they are too few."""
    pictures = _pictures(work)
    found = [f"#{id}" for id in pictures.liked(user, MOST_LIKED)]
    if len(found) < FEWEST:
        raise UsageError(
            f"{user} has liked {len(found)} pictures, and {FEWEST} are needed to tell a look: "
            f"`pixloom like PICTURE --user {user}`, or name pictures with like=3,8,15,20,31."
        )
    return found


def open_liked(references: Sequence[str], work: Work) -> list[Raster]:
    """Liked pictures, reduced; UsageError where they are too few, and what opening raises."""
    several = list(dict.fromkeys(references))
    if len(several) < FEWEST:
        raise UsageError(
            f"{len(several)} pictures are too few to tell a look from what they show: name {FEWEST} or more that have "
            "it, as like=3,8,15,20,31."
        )
    pictures, opened = _pictures(work), []
    for done, reference in enumerate(several):
        work.step(done, len(several), "looking at what is liked")
        opened.append(pictures.open(reference, _SIDE))
    return opened


def fit_taste(picture: Raster, liked: Sequence[Raster], work: Work, without: Sequence[int] = ()) -> Look:
    """The look of liked pictures for this one, the collection's others but `without` being what is usual.

    TuneError where the collection has too few others; StoppedError.
    """
    pictures = _pictures(work)
    known, vectors = pictures.stored(_others(liked, pictures, work, without))
    usual, kept = [], []
    for place, id in enumerate(known.tolist()):
        work.step(place, len(known), "looking at what is usual")
        found = pictures.thumbnails([id])
        if found:
            usual.append(colours_of(found)[0])
            kept.append(place)
    if len(usual) < FEWEST_OTHERS:
        raise TuneError(
            f"The collection has {len(usual)} other pictures, and {FEWEST_OTHERS} are needed to know what is usual: "
            "index more with `pixloom index`."
        )
    work.step(0, 1, "fitting the look")
    seen = _vectors([picture, *liked], pictures, work)
    look = taste_look(
        seen[0], Sample(colours_of(liked), seen[1:]), Sample(np.stack(usual), np.ascontiguousarray(vectors[kept]))
    )
    return bounded(look, picture)


def _others(liked: Sequence[Raster], pictures: Pictures, work: Work, without: Sequence[int]) -> list[int]:
    """Ids of what is usual: those most like each liked picture, and the newest."""
    found: list[int] = []
    for place, one in enumerate(liked):
        work.step(place, len(liked), "looking for like contents")
        found += pictures.similar(one, _ALIKE)
    ids = dict.fromkeys([*found, *pictures.newest(_NEWEST + len(without))])
    return [id for id in ids if id not in {*without}]


def _vectors(some: Sequence[Raster], pictures: Pictures, work: Work) -> Floats:
    found = []
    for place, one in enumerate(some):
        work.step(place, len(some), "comparing contents")
        found.append(pictures.vectors([reduced(one, _SIDE)])[0])
    return np.stack(found)


def _pictures(work: Work) -> Pictures:
    if work.pictures is None:
        raise UsageError("guided: there is no collection here to take liked pictures from.")
    return work.pictures
