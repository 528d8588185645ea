"""What is known of a person's taste: interests, dislikes, and what they have seen, over one view of the collection."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.types import Floats, Ids
from search.metrics import Flags
from search.taste.interests import Interest, find_interests
from search.taste.standing import Setting, Standing
from search.taste.view import ALIKE, View

_SAMPLE = 512
"""Pictures that say what is usual."""


@dataclass(frozen=True, slots=True)
class Taste:
    """One person's taste; nothing in it ever changes."""

    standing: Standing
    interests: tuple[Interest, ...]
    """Most important first, with the person's own settings, muted ones too."""
    disliked: Floats
    """Vectors [d, dimension] of what they disliked."""
    seen: Flags
    """For each row of the snapshot, whether it must not come back."""
    members: Floats
    """Vectors [m, dimension] of the pictures of all interests, in the order of `owners`."""
    owners: Ids
    """The place in `interests` of each."""
    usual: Floats
    """The mean [0] and the spread [1] of the collection's cosines to the centre of each interest [2, n]."""

    @property
    def active(self) -> list[Interest]:
        """The interests that claim a share."""
        return [interest for interest in self.interests if interest.counts > 0]

    @property
    def muted(self) -> list[Interest]:
        """Those that must not be followed."""
        return [interest for interest in self.interests if interest.counts <= 0]


def taste_of(view: View, standing: Standing) -> Taste:
    """The taste that a person's standing comes to over this view: a pure function of both."""
    apart = view.level(ALIKE)
    rows = view.rows(standing.liked)
    found = rows >= 0
    ids, rows, weights = standing.liked[found], rows[found], standing.weights[found]
    vectors = view.vectors(rows)
    interests = _steered(view, find_interests(ids, rows, vectors, weights, apart), standing.settings, apart)
    whole = sum(interest.counts for interest in interests)
    shared = tuple(replace(one, share=one.counts / whole if whole else 0.0) for one in interests)
    disliked = view.rows(standing.disliked)
    return Taste(
        standing=standing,
        interests=shared,
        disliked=view.vectors(disliked[disliked >= 0]),
        seen=view.flags(standing.seen),
        members=view.vectors(np.concatenate([one.rows for one in shared])) if shared else vectors,
        owners=np.repeat(np.arange(len(shared)), [len(one.rows) for one in shared]),
        usual=_usual(view, shared),
    )


def _usual(view: View, interests: Sequence[Interest]) -> Floats:
    if not interests:
        return np.zeros((2, 0), np.float32)
    some = view.snapshot.sample[:: max(1, len(view.snapshot.sample) // _SAMPLE)]
    cosines = some @ np.stack([interest.centre for interest in interests]).T
    return np.stack([cosines.mean(axis=0), cosines.std(axis=0) + 1e-6])


def _steered(view: View, interests: list[Interest], settings: Sequence[Setting], apart: float) -> list[Interest]:
    """The interests with what the person set, the newest where several apply: for the one that holds the picture it
    was set for; where none does any more, for those that are like that picture."""
    newest = sorted(settings, key=lambda setting: setting.at, reverse=True)
    if not newest:
        return interests
    rows = view.rows(np.array([setting.picture for setting in newest], np.int64), living=False)
    vectors = view.vectors(rows)
    held = np.isin([setting.picture for setting in newest], [id for one in interests for id in one.pictures])
    steered = []
    for interest in interests:
        own = [place for place, setting in enumerate(newest) if setting.picture in interest.pictures]
        like = ~held & (rows >= 0) & (vectors @ interest.centre >= apart)
        for place in (own or np.flatnonzero(like).tolist())[:1]:
            interest = replace(interest, weight=newest[place].weight, muted=newest[place].muted)
        steered.append(interest)
    return steered
