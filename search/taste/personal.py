"""A search, ranked for one person: what matches is ordered a little by their taste, and nothing else comes in."""

from dataclasses import dataclass

import numpy as np

from indexer.types import Floats, Hits
from search.cutoff import Background
from search.snapshot import Snapshot
from search.taste.signals import user_name
from search.taste.taste import Taste
from search.taste.tastes import Tastes
from search.taste.threads import OneThread
from search.taste.view import UNLIKE, View

BOUND = 0.75
"""The most that taste adds to a picture's score or takes from it, in standard deviations of the query's scores over the
collection: a match that is clearly better stays before one that is liked."""
_AMONG = 200
"""Pictures that are ordered anew at least: the best for the query."""


@dataclass(frozen=True, slots=True)
class Personal:
    """What an engine needs to rank for one person."""

    tastes: Tastes
    user: str

    def depth(self, k: int) -> int:
        """How many of the best pictures to take, so that the k best for the person are among them."""
        view = self.tastes.view()
        hidden = 0 if view is None else len(self.tastes.of(self.user, view).standing.hidden)
        return max(2 * k, _AMONG) + hidden

    @OneThread()
    def ranked(self, snapshot: Snapshot, hits: Hits, background: Background) -> Hits:
        """The hits in the person's order, without what they hid; scores stay those of the query.

        Someone without signals gets them as they are, and what doesn't match stays where it is.
        """
        view = self.tastes.over(snapshot)
        taste = self.tastes.of(self.user, view)
        kept = ~view.flags(taste.standing.hidden)[hits.rows]
        rows, scores = hits.rows[kept], hits.scores[kept]
        matches = sum(verdict != "no match" for verdict in background.verdicts(scores))
        if not matches or not (len(taste.active) or len(taste.disliked)):
            return Hits(rows, scores)
        spread = float(background.scores.std())
        wanted = scores[:matches] + BOUND * spread * appeal(view, taste, view.vectors(rows[:matches]))
        order = np.concatenate([np.argsort(-wanted, kind="stable"), np.arange(matches, len(rows))])
        return Hits(rows[order], scores[order])


def personal(tastes: Tastes, user: str | None) -> Personal | None:
    """The ranking for a person, where one is named; UsageError for a name that can't be."""
    return None if user is None else Personal(tastes, user_name(user))


def appeal(view: View, taste: Taste, vectors: Floats) -> Floats:
    """How much each of [m, dimension] is to a person's taste, in -1..1: 1 for what they liked, -1 for what they
    disliked, 0 for what is like neither."""
    usual = view.level(UNLIKE)
    room = max(1 - usual, 1e-6)
    liked = np.zeros(len(vectors), np.float32)
    strongest = max((interest.share for interest in taste.active), default=1.0)
    for place, interest in enumerate(taste.interests):
        if interest.counts > 0:
            alike = (vectors @ taste.members[taste.owners == place].T).max(axis=1)
            # What matters less is worth less, but not nothing.
            worth = (interest.share / strongest) ** 0.5
            liked = np.maximum(liked, worth * np.clip((alike - usual) / room, 0, 1))
    if not len(taste.disliked):
        return liked
    return np.asarray(liked - np.clip(((vectors @ taste.disliked.T).max(axis=1) - usual) / room, 0, 1))
