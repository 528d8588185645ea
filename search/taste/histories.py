"""What people liked, as matrices of people and items: what collaborative models learn from, and what is held out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from indexer.types import Floats, Ids


@dataclass(frozen=True, slots=True)
class Likes:
    """Likes [n], each a person's of an item, numbered from 0, no pair twice; `amounts` is above 0, `times` grows with
    time, None where no time is known."""

    users: Ids
    items: Ids
    amounts: Floats
    times: NDArray[np.int64] | None
    shape: tuple[int, int]
    """How many people and items there are."""

    def of(self, some: NDArray[np.bool_]) -> "Likes":
        """Only some of them, of as many people and items."""
        times = None if self.times is None else self.times[some]
        return Likes(self.users[some], self.items[some], self.amounts[some], times, self.shape)

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class Histories:
    """Likes as sparse matrices [people, items]."""

    amounts: sparse.csr_matrix
    """float32, above 0 where a person liked an item."""
    ages: sparse.csr_matrix | None
    """float32 at the same places: 1 for a person's newest like, 2 for the one before; None where no time is known."""

    @classmethod
    def of(cls, likes: Likes) -> "Histories":
        """The matrices of these likes."""
        amounts = _matrix(likes.amounts, likes)
        return cls(amounts, None if likes.times is None else _matrix(ages_of(likes), likes))

    @property
    def liked(self) -> sparse.csr_matrix:
        """float32, 1 where a person liked an item."""
        ones = self.amounts.copy()
        ones.data = np.ones_like(ones.data)
        return ones

    def recalled(self, memory: float | None = None, *, amounts: bool = False) -> sparse.csr_matrix:
        """float64: what each like counts for what is liked next. 1; or, by `amounts`, the logarithm of 1 + how much;
        and e times less for one that is `memory` likes older, where the order is known."""
        recalled = self.liked.astype(np.float64)
        if amounts:
            recalled.data = np.log1p(self.amounts.data.astype(np.float64))
        if memory is not None and self.ages is not None:
            recalled.data *= np.exp((1 - self.ages.data) / memory)
        return recalled


def ages_of(likes: Likes) -> NDArray[np.int64]:
    """How many likes back each [n] is in its person's history, 1 for the newest. Of the same time, the item with the
    higher number counts as newer, so that the order is one and the same in every run."""
    assert likes.times is not None, "there are times"
    order = np.lexsort((likes.items, likes.times, likes.users))[::-1]
    users = likes.users[order]
    starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
    ages = np.empty(len(likes), np.int64)
    ages[order] = np.arange(len(likes)) - np.repeat(starts, np.diff(np.r_[starts, len(likes)])) + 1
    return ages


def newest_held_out(likes: Likes, *, least: int = 2) -> NDArray[np.bool_]:
    """Which likes [n] are the newest of a person who has `least` or more of them (leave-last-out)."""
    counts = np.bincount(likes.users, minlength=likes.shape[0])
    return np.asarray((ages_of(likes) == 1) & (counts[likes.users] >= least))


def share_held_out(likes: Likes, share: float, seed: int) -> NDArray[np.bool_]:
    """Which likes [n] to hold out: of each person's that share, rounded down, chosen by lot."""
    lot = np.random.default_rng(seed).random(len(likes))
    order = np.lexsort((lot, likes.users))
    counts = np.bincount(likes.users, minlength=likes.shape[0])
    places = np.arange(len(likes)) - np.repeat(np.cumsum(counts) - counts, counts)
    held = np.empty(len(likes), np.bool_)
    held[order] = places < np.floor(counts * share)[likes.users[order]]
    return held


def _matrix(values: NDArray[np.generic], likes: Likes) -> sparse.csr_matrix:
    return sparse.csr_matrix((values.astype(np.float32), (likes.users, likes.items)), shape=likes.shape)
