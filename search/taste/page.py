"""A page of recommendations: most by interests, some by others who like the same, a stated share to explore."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats, Ids
from search.metrics import Flags
from search.taste.ranking import Scored, dislike_cost, suited
from search.taste.slots import choose, claims
from search.taste.taste import Taste
from search.taste.view import UNLIKE, View

EXPLORATION = 0.1
"""Share of a page that is not like anything liked, so that taste can grow."""
_ONE_CLICK = 0.5
"""The share where only one picture is known to be liked; with each more it falls, to what it is meant to be."""
_LOOKED_AT = 40
"""How many times as many as are wanted are looked at, for some that may be shown."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a picture is shown: `because` of a picture of an interest, others, fresh, explore, rest or tour."""

    kind: str
    text: str
    picture: int | None = None
    interest: int | None = None


@dataclass(frozen=True, slots=True)
class Pick:
    """One picture of a page by its row; `score` on the scale of cosines, None where nothing was compared."""

    row: int
    score: float | None
    why: Reason


TOUR = Reason("tour", "part of a tour of the collection")
EXPLORE = Reason("explore", "something else, to find out whether you like it")
REST = Reason("rest", "nothing nearer to your taste is left")
OTHERS = Reason("others", "liked by others who like what you like")
FRESH = Reason("fresh", "new in the collection")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page can be made of, none of it seen: candidates, others' favourites by row, best first, new pictures,
    newest first, and a walk through the collection."""

    scored: Scored | None
    others: Mapping[int, float]
    fresh: Ids
    walk: Ids


def share_explored(taste: Taste, wanted: float) -> float:
    """The share of a page that explores: as wanted, and more while hardly anything is known."""
    return max(wanted, _ONE_CLICK / max(len(taste.owners), 1)) if wanted > 0 else 0.0


def compose(view: View, taste: Taste, offer: Offer, count: int, *, exploration: float, blend: float) -> list[Pick]:
    """At most `count` pictures for the page, in its order; fewer only where the collection has no more unseen."""
    if not taste.active:
        picks = _walk(view, taste, offer.walk, count, TOUR, [])
        return picks + _rest(view, taste, offer.walk, count - len(picks), picks)
    odd = round(count * share_explored(taste, exploration))
    others = _others(view, taste, offer.others, round((count - odd) * blend))
    picks = _by_interest(taste, offer.scored, count - odd - len(others), {pick.row for pick in others})
    picks = _spread(picks, others)
    fresh = _walk(view, taste, offer.fresh, min(1, odd), FRESH, picks)
    explored = fresh + _walk(view, taste, offer.walk, odd - len(fresh), EXPLORE, picks + fresh)
    picks = _spread(picks, explored)
    return picks + _rest(view, taste, offer.walk, count - len(picks), picks)


def _by_interest(taste: Taste, scored: Scored | None, count: int, taken: set[int]) -> list[Pick]:
    if scored is None or count <= 0:
        return []
    scored = scored.of(~np.isin(scored.rows, list(taken)))
    picks = []
    for place in choose(scored, claims(taste, scored), count):
        picture, interest = int(scored.because[place]), taste.interests[int(scored.interest[place])].id
        why = Reason("because", f"because of picture {picture}", picture, interest)
        picks.append(Pick(int(scored.rows[place]), float(scored.score[place]), why))
    return picks


def _others(view: View, taste: Taste, favourites: Mapping[int, float], count: int) -> list[Pick]:
    """Others' favourites, but for what is like something disliked, or of a muted interest."""
    rows = np.array(list(favourites), np.int64)
    if not len(rows) or count <= 0:
        return []
    vectors = view.vectors(rows)
    bad = dislike_cost(view, taste, vectors)[1] | _muted(view, taste, rows)
    return [Pick(int(row), float(favourites[int(row)]), OTHERS) for row in rows[~bad][:count]]


def _walk(view: View, taste: Taste, rows: Ids, count: int, why: Reason, before: list[Pick]) -> list[Pick]:
    """The next rows of a walk that are not there already, nor at all like anything disliked or muted; to explore, nor
    like any interest."""
    if count <= 0 or not len(rows):
        return []
    rows = rows[~np.isin(rows, [pick.row for pick in before])][: _LOOKED_AT * count]
    vectors, unusual = view.vectors(rows), view.level(UNLIKE)
    passed = _muted(view, taste, rows)
    if len(taste.disliked):
        passed |= (vectors @ taste.disliked.T).max(axis=1) > unusual
    if why is EXPLORE:
        centres = np.stack([interest.centre for interest in taste.interests])
        passed |= (vectors @ centres.T).max(axis=1) > unusual
    kept = rows[~passed]
    return [Pick(int(kept[place]), None, why) for place in _unlike(vectors[~passed], count, unusual)]


def _unlike(vectors: Floats, count: int, alike: float) -> list[int]:
    """Places of `count` of [n, dimension] in their order, those first that are not alike to one before."""
    chosen: list[int] = []
    for place in range(len(vectors)):
        if len(chosen) < count and (not chosen or (vectors[chosen] @ vectors[place]).max() <= alike):
            chosen.append(place)
    return chosen + [place for place in range(len(vectors)) if place not in chosen][: count - len(chosen)]


def _rest(view: View, taste: Taste, rows: Ids, count: int, before: list[Pick]) -> list[Pick]:
    """What a page is filled up with where nothing better is left: what is least like anything disliked or muted."""
    rows = rows[~np.isin(rows, [pick.row for pick in before])]
    rows = rows[: _LOOKED_AT * count]
    if count <= 0 or not len(rows):
        return []
    bad = dislike_cost(view, taste, view.vectors(rows))[0] + _muted(view, taste, rows)
    why = REST if taste.active else TOUR
    return [Pick(int(row), None, why) for row in rows[np.argsort(bad, kind="stable")][:count]]


def _muted(view: View, taste: Taste, rows: Ids) -> Flags:
    """Which rows suit a muted interest best, and do suit it."""
    if not taste.muted:
        return np.zeros(len(rows), np.bool_)
    best, cosines = suited(taste, view.vectors(rows))
    counts = np.array([interest.counts > 0 for interest in taste.interests])
    flags: Flags = ~counts[best] & (cosines > view.level(UNLIKE))
    return flags


def _spread(picks: list[Pick], more: list[Pick]) -> list[Pick]:
    """Both lists as one, the second spread evenly over the first."""
    stands = [((place + 0.5) / len(picks), 0, pick) for place, pick in enumerate(picks)]
    stands += [((place + 1) / len(more), 1, pick) for place, pick in enumerate(more)]
    return [pick for _, _, pick in sorted(stands, key=lambda one: one[:2])]
