"""Interests, recommendations and steering over made-up kinds of pictures."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pytest

from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from indexer.records import IndexInfo
from indexer.types import Floats
from indexer.vectors import open_store
from search.engine import Engine
from search.snapshot import Snapshot
from search.taste.cursors import read_cursor, write_cursor
from search.taste.interests import find_interests, grouped
from search.taste.ranking import DISLIKE, NEAREST
from search.taste.recommend import INTERESTS, Recommendations, Recommender
from search.taste.signals import Signals
from search.taste.slots import DIVERSITY, SAME, share_out
from search.taste.standing import Setting, Standing
from search.taste.taste import taste_of
from search.taste.tour import STOPS, k_medoids
from search.taste.view import ALIKE, View
from tests.tastes import EACH, KINDS, fill, kind_of, kinds


@pytest.fixture
def home(collection: Collection) -> Collection:
    """Eight kinds of thirty pictures."""
    fill(collection, kinds())
    return collection


@pytest.fixture
def any_home(any_collection: Collection) -> Collection:
    """The same, once on each kind of database."""
    fill(any_collection, kinds())
    return any_collection


def of(kind: int, *places: int) -> list[int]:
    return [kind * EACH + 1 + place for place in places]


def act(collection: Collection, kind: str, pictures: Sequence[int], user: str = "ann") -> None:
    signals = Signals(collection.catalog.database)
    for picture in pictures:
        signals.add(user, picture, kind)


def ids(page: Recommendations, why: str | None = None) -> list[int]:
    return [item.id for item in page.results if why in (None, item.why.kind)]


def found(page: Recommendations, why: str | None = None) -> Counter[int]:
    return Counter(kind_of(id) for id in ids(page, why))


def alike(vectors: Floats) -> float:
    """The cosine from which two of the pictures are alike: by all pairs."""
    pairs = [float(vectors[a] @ vectors[b]) for a in range(len(vectors)) for b in range(a)]
    middle, below = np.quantile(pairs, 0.5), np.quantile(pairs, 0.1587)
    return float(middle + ALIKE * (middle - below))


def test_groups_are_the_kinds_whatever_their_sizes() -> None:
    vectors = kinds()
    apart = alike(vectors)
    some = np.array([*range(30), *range(30, 35), *range(60, 63), 90])
    labels = grouped(vectors[some], apart)
    assert len(set(zip(labels.tolist(), (some // EACH).tolist(), strict=True))) == 4 == len(set(labels.tolist()))
    assert grouped(vectors[:0], apart).tolist() == [] and grouped(vectors[:1], apart).tolist() == [0]
    assert grouped(np.repeat(vectors[:1], 4, axis=0), apart).tolist() == [0] * 4


def test_an_interest_is_named_by_its_middle() -> None:
    vectors = kinds(2, 6)
    weights = np.array([1, 2, 1, 1, 1, 1] + [0.1] * 6, np.float32)
    first, second = find_interests(np.arange(12) + 50, np.arange(12), vectors, weights, 0.5)
    centre = (weights[:6, None] * vectors[:6]).sum(axis=0)
    assert first.id == 50 + int((vectors[:6] @ centre).argmax())
    assert first.pictures[0] == 51 and set(second.pictures) == set(range(56, 62))
    assert first.importance == pytest.approx(7) and second.importance == pytest.approx(0.6)


def brute_force(vectors: Floats, liked: list[int], disliked: list[int], seen: set[int], k: int) -> list[int]:
    """The page of someone with one interest, in plain loops over all pictures."""
    usual = alike(vectors)
    centre = sum(vectors[one - 1] for one in liked)
    centre = centre / np.linalg.norm(centre)
    scores: dict[int, float] = {}
    for id in range(1, len(vectors) + 1):
        likest = max(float(vectors[id - 1] @ vectors[one - 1]) for one in liked)
        far = max((float(vectors[id - 1] @ vectors[one - 1]) for one in disliked), default=-1.0)
        if id not in seen and likest >= usual and not far > max(likest, usual):
            own = (1 - NEAREST) * float(vectors[id - 1] @ centre) + NEAREST * likest
            scores[id] = own - DISLIKE * max(far - usual, 0)
    page: list[int] = []
    while scores and len(page) < k:
        near = {id: max([0.0, *(float(vectors[id - 1] @ vectors[one - 1]) for one in page)]) for id in scores}
        _, best = max((scores[id] - DIVERSITY * near[id], -id) for id in scores)
        best = -best
        page.append(best)
        scores = {id: own for id, own in scores.items() if vectors[id - 1] @ vectors[best - 1] < SAME and id != best}
    return page


def test_ranking_is_that_of_brute_force(home: Collection) -> None:
    liked, disliked = of(2, 3, 4, 8, 11), of(5, 1, 2) + of(2, 20)
    act(home, "like", liked)
    act(home, "dislike", disliked)
    page = Recommender(Engine(home), exploration=0).recommend("ann", k=12)
    expected = brute_force(kinds(), liked, disliked, {*liked, *disliked}, 12)
    assert len(expected) == 12 and ids(page) == expected
    for item in page.results:
        nearest = max(liked, key=lambda one: float(kinds()[one - 1] @ kinds()[item.id - 1]))
        assert (item.why.kind, item.why.picture) == ("because", nearest)
        assert item.why.text == f"because of picture {nearest}" and item.why.interest in liked


def test_all_interests_are_covered_where_the_mean_misses_one(home: Collection) -> None:
    act(home, "like", of(0, *range(10)) + of(1, *range(9)) + of(2, 0, 1))
    page = Recommender(Engine(home)).recommend("ann")
    share = found(page, "because")
    assert set(share) == {0, 1, 2} and share[0] >= share[1] > share[2] >= 1
    assert page.exploration == 0.1 and len(ids(page, "explore")) == 2 and len(set(ids(page))) == 20
    assert not set(found(page, "explore")) & {0, 1, 2}
    vectors = kinds()
    mean = vectors[np.array(of(0, *range(10)) + of(1, *range(9)) + of(2, 0, 1)) - 1].sum(axis=0)
    assert 2 not in {kind_of(int(row) + 1) for row in np.argsort(-(vectors @ mean))[:20]}


def test_nothing_seen_comes_back_page_after_page(home: Collection) -> None:
    act(home, "like", of(0, 0, 1, 2) + of(3, 0, 1))
    act(home, "dislike", of(1, 0))
    act(home, "hide", of(0, 5))
    act(home, "view", of(0, 6))
    act(home, "download", of(3, 7))
    touched = {*of(0, 0, 1, 2, 5, 6), *of(3, 0, 1, 7), *of(1, 0)}
    recommender, cursor, seen = Recommender(Engine(home)), None, list(touched)
    while True:
        page = recommender.recommend("ann", k=17, cursor=cursor)
        seen += ids(page)
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == list(range(1, KINDS * EACH + 1)), "every other picture exactly once"


def test_dislikes_stay_away_until_nothing_else_is_left(home: Collection) -> None:
    act(home, "like", of(0, *range(5)) + of(1, *range(5)))
    act(home, "dislike", of(2, 0, 1, 2))
    recommender, cursor = Recommender(Engine(home)), None
    for _ in range(6):
        page = recommender.recommend("ann", cursor=cursor)
        assert 2 not in found(page)
        cursor = page.next


def test_a_new_person_gets_a_diverse_tour_and_one_click_changes_it(home: Collection) -> None:
    recommender = Recommender(Engine(home))
    first = recommender.recommend("new", k=KINDS)
    assert set(found(first, "tour")) == set(range(KINDS)), "one of each kind"
    assert ids(first) == ids(recommender.recommend("another", k=KINDS)) and first.known == 0
    act(home, "like", ids(first)[:1], "new")
    after = recommender.recommend("new", k=KINDS)
    liked = kind_of(ids(first)[0])
    assert found(after, "because") == {liked: KINDS // 2} and after.exploration == 0.5
    assert ids(after, "because")[0] not in ids(first)
    act(home, "dislike", ids(first)[:1], "new")
    assert liked not in found(recommender.recommend("new", k=KINDS - 1))


def test_steering_is_obeyed_by_the_next_page_and_survives_regrouping(any_home: Collection) -> None:
    act(any_home, "like", of(0, *range(8)) + of(1, *range(4)))
    recommender = Recommender(Engine(any_home))
    tastes = recommender.tastes
    big, small = tastes.interests("ann")
    assert (kind_of(big.id), kind_of(small.id)) == (0, 1) and big.share == pytest.approx(2 / 3, abs=1e-4)
    before = found(recommender.recommend("ann"), "because")
    tastes.steer("ann", small.pictures[-1], weight=10)
    assert found(recommender.recommend("ann"), "because")[1] > before[1]
    tastes.steer("ann", big.id, muted=True)
    assert set(found(recommender.recommend("ann"), "because")) == {1} and 0 not in found(recommender.recommend("ann"))
    act(any_home, "like", of(0, *range(8, 20)) + of(1, *range(4, 7)) + of(4, 0))
    again = {kind_of(one.id): one for one in Recommender(Engine(any_home)).tastes.interests("ann")}
    assert again[0].muted and again[1].weight == 10 and again[0].share == 0
    assert (again[4].weight, again[4].muted) == (1.0, False)
    assert set(found(recommender.recommend("ann"), "because")) == {1, 4}
    tastes.steer("ann", again[0].id, muted=False)
    assert 0 in found(recommender.recommend("ann"), "because")


def test_a_deleted_interest_counts_no_more_and_stays_seen(any_home: Collection) -> None:
    act(any_home, "like", of(0, *range(8)) + of(1, *range(4)))
    recommender = Recommender(Engine(any_home))
    left = recommender.tastes.drop("ann", of(0, 0)[0])
    assert [kind_of(one.id) for one in left] == [1]
    page = recommender.recommend("ann")
    assert set(found(page, "because")) == {1} and not set(ids(page)) & set(of(0, *range(8)))
    act(any_home, "view", of(0, 1))
    assert [kind_of(one.id) for one in recommender.tastes.interests("ann")] == [1]
    act(any_home, "like", of(0, 2))
    assert {kind_of(one.id): len(one.pictures) for one in recommender.tastes.interests("ann")} == {1: 4, 0: 1}
    with pytest.raises(NotFoundError, match="no interest"):
        recommender.tastes.drop("ann", of(5, 0)[0])
    with pytest.raises(NotFoundError, match="no interest"):
        recommender.tastes.steer("nobody", 1, weight=2)


@pytest.mark.parametrize("weight", [-1.0, 101.0, float("nan"), float("inf")])
def test_odd_weights_are_refused(home: Collection, weight: float) -> None:
    act(home, "like", of(0, 0))
    with pytest.raises(UsageError, match="weight"):
        Recommender(Engine(home)).tastes.steer("ann", 1, weight=weight)


def test_pictures_that_were_deleted_are_ignored(home: Collection) -> None:
    act(home, "like", of(0, 0, 1) + of(1, 0))
    recommender = Recommender(Engine(home))
    assert len(recommender.tastes.interests("ann")) == 2
    for id in [*of(1, 0), *of(0, *range(5, 10))]:
        home.catalog.remove(id)
    assert [kind_of(one.id) for one in recommender.tastes.interests("ann")] == [0]
    assert not set(ids(recommender.recommend("ann"))) & {*of(1, 0), *of(0, *range(5, 10))}


def test_what_was_set_holds_when_its_picture_is_deleted(home: Collection) -> None:
    act(home, "like", of(0, 0, 1, 2, 3) + of(1, 0, 1, 2))
    tastes = Recommender(Engine(home)).tastes
    named = next(one.id for one in tastes.interests("ann") if kind_of(one.id) == 0)
    tastes.steer("ann", named, muted=True)
    home.catalog.remove(named)
    assert {kind_of(one.id): (len(one.pictures), one.muted) for one in tastes.interests("ann")} == {
        0: (3, True),
        1: (3, False),
    }


def test_what_is_set_for_one_interest_leaves_its_neighbour_alone() -> None:
    random = np.random.default_rng(0)
    crowd = random.standard_normal((400, 64)).astype(np.float32)
    a, b = np.eye(64, dtype=np.float32)[:2]
    edge = a + 0.9 * b  # of the first interest, yet much like the second
    vectors = np.stack([edge, a, a + 0.1 * b, a - 0.1 * b, a - 0.2 * b, b, b - 0.1 * a, b - 0.2 * a, *crowd])
    vectors = np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
    index = IndexInfo(0, "", "", 64, "Flat", len(vectors))
    store = open_store("Flat", 64).extended(vectors)
    view = View.of(Snapshot(0, index, vectors, store, np.arange(len(vectors)), None, vectors[8:]))
    setting = Setting(0, 1.0, True, datetime(2026, 1, 1))
    liked, none = np.arange(8), np.zeros(0, np.int64)
    taste = taste_of(view, Standing(liked, np.ones(8, np.float32), none, none, liked, (setting,)))
    assert {(0 in one.pictures, one.muted) for one in taste.interests} == {(True, True), (False, False)}
    other = next(one for one in taste.interests if not one.muted)
    assert float(vectors[0] @ other.centre) >= view.level(ALIKE), "or it would be no test"


def test_of_very_many_interests_each_has_its_turn(collection: Collection) -> None:
    random = np.random.default_rng(0)
    signs = np.concatenate([np.eye(16), -np.eye(16)]).astype(np.float32)[: 2 * INTERESTS]
    vectors = np.repeat(signs, 20, axis=0) + 0.02 * random.standard_normal((len(signs) * 20, 16)).astype(np.float32)
    fill(collection, np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32))
    act(collection, "like", range(1, len(vectors), 20))
    recommender, cursor, reached = Recommender(Engine(collection)), None, set()
    for _ in range(12):
        page = recommender.recommend("ann", cursor=cursor)
        reached |= {item.why.interest for item in page.results if item.why.kind == "because"}
        cursor = page.next
    assert len(reached) > INTERESTS and len(recommender.tastes.interests("ann")) == 2 * INTERESTS


def test_new_pictures_are_shown_as_new_and_win_among_equals(collection: Collection) -> None:
    fill(collection, kinds(), [400.0] * (KINDS * EACH - 2) + [1.0, 1.0])
    act(collection, "like", of(0, 0, 1, 2))
    page = Recommender(Engine(collection)).recommend("ann")
    assert ids(page, "fresh") == [KINDS * EACH]


def test_others_come_in_by_their_share(home: Collection) -> None:
    class Others:
        weight = 0.25

        def scores(self, liked: Sequence[int]) -> dict[int, float]:
            assert sorted(liked) == of(0, 0, 1, 2)
            return {**dict.fromkeys(of(0, 0, 1), 1.0), **{id: 1 / id for id in of(6, *range(9))}, 10**6: 9.0}

    act(home, "like", of(0, 0, 1, 2))
    act(home, "dislike", of(6, 1))
    model = Others()
    page = Recommender(Engine(home), collaborative=lambda: model, exploration=0).recommend("ann")
    shown = ids(page, "others")
    assert shown == sorted(shown) and len(shown) <= 5 and not set(shown) & set(of(0, 0, 1) + of(6, 1))
    assert len(ids(page, "because")) == 20 - len(shown)
    assert ids(Recommender(Engine(home), collaborative=lambda: model, blend=0).recommend("ann"), "others") == []


def test_versions_of_one_picture_are_one(collection: Collection) -> None:
    vectors = kinds()
    vectors[5:10] = vectors[4]
    fill(collection, vectors)
    act(collection, "like", of(0, 0, 1, 2))
    page = Recommender(Engine(collection)).recommend("ann", k=25)
    assert len(set(ids(page, "because")) & set(of(0, *range(4, 10)))) == 1


def test_places_are_shared_out_by_largest_remainders() -> None:
    assert share_out([6, 3, 1], [99, 99, 99], 10) == [6, 3, 1]
    assert share_out([98, 1, 1], [99, 99, 99], 10) == [8, 1, 1], "each has one at least"
    assert share_out([5, 4, 3], [99, 99, 99], 2) == [1, 1, 0], "the largest first"
    assert share_out([5, 5], [2, 99], 10) == [2, 8], "what one can't fill goes to others"
    assert share_out([5, 0, 5], [9, 9, 0], 4) == [4, 0, 0]
    assert share_out([], [], 4) == [] and share_out([0.0], [3], 4) == [0]


def test_medoids_are_those_of_all_subsets() -> None:
    vectors = kinds(3, 5)
    distances = 1 - vectors @ vectors.T
    medoids, groups = k_medoids(distances, 3)
    best = min(
        (float(distances[:, [a, b, c]].min(axis=1).sum()), {a, b, c})
        for a in range(15)
        for b in range(a)
        for c in range(b)
    )
    assert set(medoids.tolist()) == best[1]
    assert [len(set(groups[start : start + 5].tolist())) for start in (0, 5, 10)] == [1, 1, 1]
    assert STOPS >= 20


def test_cursors_are_what_was_shown_or_refused() -> None:
    shown = np.array([5, 2, 100_000], np.int64)
    assert read_cursor(write_cursor(shown)).tolist() == [5, 2, 100_000]
    assert read_cursor(None).tolist() == read_cursor("").tolist() == []
    assert len(read_cursor(write_cursor(np.arange(9000)))) == 2000
    for wrong in ("x", "!!!!", write_cursor(shown)[:-4], "AAAA", "é" * 8, "A" * 20_000):
        with pytest.raises(UsageError, match="cursor"):
            read_cursor(wrong)


def test_empty_and_tiny_collections(collection: Collection) -> None:
    recommender = Recommender(Engine(collection))
    assert recommender.recommend("ann").results == () and recommender.tastes.interests("ann") == ()
    fill(collection, kinds(1, 1))
    assert ids(recommender.recommend("ann")) == [1]
    act(collection, "like", [1])
    page = recommender.recommend("ann")
    assert page.results == () and page.next is None
    for k in (0, 501):
        with pytest.raises(UsageError, match="k is"):
            recommender.recommend("ann", k=k)


def test_pages_end_where_a_cursor_can_remember_no_more(home: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.taste.recommend.MOST", 45)
    recommender = Recommender(Engine(home))
    second = recommender.recommend("ann", cursor=recommender.recommend("ann").next)
    assert second.next is not None and recommender.recommend("ann", cursor=second.next).next is None


def test_another_collection_state_is_followed(home: Collection) -> None:
    act(home, "like", of(0, 0, 1, 2))
    recommender = Recommender(Engine(home))
    shown = ids(recommender.recommend("ann"), "because")
    for id in shown:
        home.catalog.remove(id)
    assert not set(ids(recommender.recommend("ann"))) & set(shown)
