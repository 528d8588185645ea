"""Simulated people with known tastes: how well recommenders find what they like, all of it, and not what they don't."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.errors import UsageError
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.records import IndexInfo
from indexer.sources.datasets import DataSet
from indexer.sources.problems import Kind
from indexer.types import Encoder, Floats, Ids, OnProgress, Progress
from indexer.vectors import open_store
from search.embed import picture_vectors
from search.metrics import Flags
from search.snapshot import Snapshot
from search.taste.candidates import DEPTH, near_rows
from search.taste.page import EXPLORATION, Offer, compose
from search.taste.ranking import score
from search.taste.standing import Standing
from search.taste.taste import taste_of
from search.taste.threads import OneThread
from search.taste.tour import tour, walk
from search.taste.view import View
from search.truth import labelled, truth_of

CLICKS = (5, 10, 20)
K = 20
LIKED, SMALLEST = 3, 5
"""Categories that a person likes, and the pictures that a category must have."""
NOISE, DISLIKES = 0.1, 0.2
PROTOCOL = (
    f"People are simulated. Each likes {LIKED} categories and dislikes another one, all drawn by lot, and clicks on "
    f"pictures that are drawn by lot too, not on what a recommender shows, so that every recommender learns from the "
    f"same clicks: {NOISE:.0%} are likes of any picture whatever; of the others {DISLIKES:.0%} are dislikes of a "
    f"picture of the disliked category, the rest likes of a picture of a liked one. Each recommender then gives {K} "
    "pictures that were not clicked on."
)


@dataclass(frozen=True, slots=True)
class Person:
    """Categories, by their places, that a person likes and the one they don't; clicks as (picture, liked)."""

    likes: tuple[int, ...]
    dislikes: int
    clicks: tuple[tuple[int, bool], ...]

    def liked(self, clicks: int) -> list[int]:
        """Pictures liked among the first clicks."""
        return [picture for picture, liked in self.clicks[:clicks] if liked]

    def disliked(self, clicks: int) -> list[int]:
        """Pictures disliked among them."""
        return [picture for picture, liked in self.clicks[:clicks] if not liked]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What recommenders may know: the pictures, and everybody's clicks."""

    view: View
    people: Sequence[Person]
    tour: Ids


_Recommend = Callable[[_Scene, int, int], Ids]
"""Scene, a person's place, how many clicks -> rows of the page."""


def evaluate_people(
    data: DataSet,
    encoder: Encoder,
    on_progress: OnProgress = lambda _: None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    people: int = 50,
    seed: int = 0,
) -> dict[str, Any]:
    """How recommenders serve simulated people over labelled pictures, after 5, 10 and 20 clicks: see PROTOCOL.

    Of each page of 20: `precision@20`, the share of liked categories; `coverage`, the share of people who see all of
    them; `disliked`, the share of the disliked category. `possible` is the precision that the pictures left allow.
    Raises UsageError where the data have fewer than four categories of five pictures, and what reading them raises.
    """
    items = labelled(list(data))
    vectors, kept, failed = picture_vectors([item.path for item in items], encoder, on_progress, limits)
    truth = truth_of(items).of(kept)
    with OneThread():
        figures = list(_figures(vectors, truth.shown, simulated(truth.shown, people, seed), on_progress))
    missing = [{"path": one.where, "reason": one.what} for one in data.problems.of(Kind.MISSING)]
    return {
        "encoder": encoder.name,
        "pictures": len(kept),
        "categories": len(truth.names),
        "people": people,
        "simulated": True,
        "protocol": PROTOCOL,
        "figures": figures,
        "failed": missing + failed,
        "problems": data.problems.as_dict(),
    }


def simulated(shown: Flags, count: int, seed: int) -> list[Person]:
    """People over pictures of which `shown` [pictures, categories] says what they show."""
    categories = np.flatnonzero(shown.sum(axis=0) >= SMALLEST)
    if len(categories) <= LIKED:
        raise UsageError(
            f"There are {len(categories)} categories of at least {SMALLEST} pictures: simulated people need "
            f"{LIKED + 1}."
        )
    random = np.random.default_rng(seed)
    return [_person(shown, categories, random) for _ in range(count)]


def _person(shown: Flags, categories: Ids, random: np.random.Generator) -> Person:
    *likes, dislikes = random.choice(categories, LIKED + 1, replace=False).tolist()
    good = shown[:, likes].any(axis=1)
    pools = {category: np.flatnonzero(shown[:, category]) for category in likes}
    pools[dislikes] = np.flatnonzero(shown[:, dislikes] & ~good)
    clicks: list[tuple[int, bool]] = []
    left = np.ones(len(shown), np.bool_)
    while len(clicks) < max(CLICKS) and left.any():
        liked, pool = True, np.arange(len(shown))
        if random.random() >= NOISE:
            liked = random.random() >= DISLIKES
            pool = pools[int(random.choice(likes))] if liked else pools[dislikes]
        pool = pool[left[pool]]
        if len(pool):
            clicks.append((int(random.choice(pool)), liked))
            left[clicks[-1][0]] = False
    return Person(tuple(likes), dislikes, tuple(clicks))


def _figures(vectors: Floats, shown: Flags, people: list[Person], on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    ids = np.arange(len(vectors))
    index = IndexInfo(0, "", "", vectors.shape[1], "Flat", len(vectors))
    view = View.of(
        Snapshot(0, index, vectors, open_store("Flat", index.dimension).extended(vectors), ids, None, vectors)
    )
    scene, done = _Scene(view, people, tour(view)), 0
    for name, recommend in RECOMMENDERS.items():
        for clicks in CLICKS:
            rows = []
            for place, person in enumerate(people):
                rows.append(_judged(shown, person, clicks, recommend(scene, place, clicks)))
                done += 1
                on_progress(Progress("recommend", done, len(RECOMMENDERS) * len(CLICKS) * len(people)))
            precision, coverage, disliked, possible = np.mean(rows, axis=0).tolist()
            yield {
                "recommender": name,
                "clicks": clicks,
                f"precision@{K}": precision,
                "coverage": coverage,
                "disliked": disliked,
                "possible": possible,
            }


def _judged(shown: Flags, person: Person, clicks: int, page: Ids) -> tuple[float, float, float, float]:
    good = np.asarray(shown[:, person.likes].any(axis=1))
    bad = shown[:, person.dislikes] & ~good
    clicked = [picture for picture, _ in person.clicks[:clicks]]
    left = int(np.sum(good)) - int(np.sum(good[clicked]))
    covered = bool(shown[page][:, person.likes].any(axis=0).all())
    return int(np.sum(good[page])) / K, float(covered), int(np.sum(bad[page])) / K, min(left, K) / K


def _ours(exploration: float) -> _Recommend:
    """Pixloom's own, with this share of exploration."""

    def recommend(scene: _Scene, place: int, clicks: int) -> Ids:
        view, person = scene.view, scene.people[place]
        liked, disliked = np.array(person.liked(clicks), np.int64), np.array(person.disliked(clicks), np.int64)
        seen = np.sort(np.concatenate([liked, disliked]))
        taste = taste_of(view, Standing(liked, np.ones(len(liked), np.float32), disliked, seen[:0], seen))
        random = np.random.default_rng([place, clicks]) if taste.active else None
        way, scored = walk(view, scene.tour, taste.seen, 4 * K, random), None
        if taste.active:
            near = near_rows(view, np.stack([one.centre for one in taste.active]), taste.seen, DEPTH)
            scored = score(view, taste, np.unique(np.concatenate(near)))
        offer = Offer(scored, {}, seen[:0], way)
        picks = compose(view, taste, offer, K, exploration=exploration, blend=0)
        return np.array([pick.row for pick in picks], np.int64)

    return recommend


def _by(score: Callable[[_Scene, int, int], Floats]) -> _Recommend:
    """The best by a score of all pictures [n], but for those clicked on."""

    def recommend(scene: _Scene, place: int, clicks: int) -> Ids:
        scores = score(scene, place, clicks).astype(np.float64)
        scores[[picture for picture, _ in scene.people[place].clicks[:clicks]]] = -np.inf
        return np.argsort(-scores, kind="stable")[:K]

    return recommend


def _mean(scene: _Scene, place: int, clicks: int) -> Floats:
    vectors = scene.view.snapshot.vectors
    return np.asarray(vectors @ vectors[scene.people[place].liked(clicks)].sum(axis=0))


def _nearest(scene: _Scene, place: int, clicks: int) -> Floats:
    vectors, liked = scene.view.snapshot.vectors, scene.people[place].liked(clicks)
    return np.asarray((vectors @ vectors[liked].T).max(axis=1, initial=-1))


def _popular(scene: _Scene, place: int, clicks: int) -> Floats:
    """How many of the others liked each picture; by lot among equals."""
    others = [picture for other, one in enumerate(scene.people) if other != place for picture in one.liked(clicks)]
    counts = np.bincount(others, minlength=len(scene.view.alive))
    return np.asarray(counts + np.random.default_rng([place, clicks]).random(len(counts)) / 2)


RECOMMENDERS: dict[str, _Recommend] = {
    "pixloom": _ours(EXPLORATION),
    "pixloom, nothing explored": _ours(0),
    "mean vector": _by(_mean),
    "nearest liked": _by(_nearest),
    "popularity": _by(_popular),
}
"""What is compared: beside Pixloom's own, what is most like the mean of the liked pictures, like any one of them, and
what others like."""
