"""A page out of scored candidates: places shared out over interests, each filled with what is not there already."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.types import Floats
from search.metrics import Flags
from search.taste.ranking import Scored
from search.taste.taste import Taste
from search.taste.variety import SAME, SAME_BITS

DIVERSITY = 0.15
"""What being like a picture that is on the page already costs (MMR, Carbonell and Goldstein 1998)."""
DAMPING = 0.7
"""Power of an interest's importance: below 1, so that what was liked a hundred times leaves room for the rest."""
QUALITY = 2.0
"""Power of how well an interest's best candidates suit: one with little to show takes little room."""
_BEST = 5
"""Candidates that say how good an interest's are."""
_BITS = np.array([value.bit_count() for value in range(256)], np.uint8)


def claims(taste: Taste, scored: Scored) -> list[float]:
    """What each interest may claim of a page: by its importance, and by how well its best candidates suit."""
    found = []
    for place, interest in enumerate(taste.interests):
        own = np.sort(scored.score[scored.interest == place])[::-1][:_BEST]
        quality = max(float(own.mean()), 0.01) if len(own) else 0.0
        found.append(interest.counts**DAMPING * quality**QUALITY if interest.counts > 0 else 0.0)
    return found


def share_out(claimed: Sequence[float], available: Sequence[int], count: int) -> list[int]:
    """How many of `count` places each gets, by its claim (largest remainders), never more than are available to it;
    each with a claim gets one at least, the largest first where there are fewer places than that."""
    given = [0] * len(claimed)
    wanting = [place for place, claim in enumerate(claimed) if claim > 0 and available[place] > 0]
    wanting.sort(key=lambda place: (-claimed[place], place))
    for place in wanting[:count]:
        given[place] = 1
    whole = sum(claimed[place] for place in wanting)
    for _ in range(count - sum(given)):
        room = [place for place in wanting if given[place] < available[place]]
        if not room:
            break
        behind = max(room, key=lambda place: claimed[place] / whole * count - given[place])
        given[behind] += 1
    return given


def choose(scored: Scored, claimed: Sequence[float], count: int) -> list[int]:
    """Places in `scored` of at most `count` for the page, in its order: interests take turns by what they were given,
    each with its best picture that is not too like what is there already."""
    free = np.ones(len(scored.rows), np.bool_)
    nearest = np.zeros(len(scored.rows), np.float32)
    chosen: list[int] = []
    while len(chosen) < count and free.any():
        available = np.bincount(scored.interest[free], minlength=len(claimed)).tolist()
        given = share_out(claimed, available, count - len(chosen))
        if not any(given):
            break
        for place in _turns(given):
            best = _best(scored, free & (scored.interest == place), nearest)
            if best is not None:  # else its others were versions of what is there: a next round shares that out
                chosen.append(best)
                alike = scored.vectors @ scored.vectors[best]
                nearest = np.maximum(nearest, alike)
                free &= ~same(scored, best, alike)
    return chosen


def same(scored: Scored, one: int, alike: Floats) -> Flags:
    """Which candidates are versions of one of them, that one too; `alike` [m] are their cosines to it."""
    versions: Flags = alike >= SAME
    if scored.hashes[one]:
        versions |= _distance(scored.hashes, scored.hashes[one]) <= SAME_BITS
    versions[one] = True
    return versions


def _best(scored: Scored, free: Flags, nearest: Floats) -> int | None:
    if not free.any():
        return None
    return int(np.where(free, scored.score - DIVERSITY * nearest, -np.inf).argmax())


def _turns(given: Sequence[int]) -> list[int]:
    """Places in the order of a page on which each stands as often as given, evenly spread."""
    stands = [((turn + 0.5) / count, place) for place, count in enumerate(given) for turn in range(count)]
    return [place for _, place in sorted(stands)]


def _distance(hashes: NDArray[np.uint64], one: np.uint64) -> NDArray[np.int64]:
    """Bits by which each of [m] differs."""
    differing = (hashes ^ one).view(np.uint8).reshape(len(hashes), 8)
    distances: NDArray[np.int64] = _BITS[differing].sum(axis=1, dtype=np.int64)
    return distances
