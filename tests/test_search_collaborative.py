"""Collaborative models against closed forms and brute force, splits by their properties, and the trial of them."""

import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from api.cli import main
from api.cli.trial import show_trial
from indexer.errors import DependencyError, NotFoundError, UsageError
from indexer.types import Floats
from search.metrics import Flags, ndcg_at_k, places, shares_found
from search.taste import trial
from search.taste.blended import Blended, Weighting
from search.taste.collaborative import MODELS, Contender, PlainEase
from search.taste.ease import Ease
from search.taste.histories import Histories, Likes, ages_of, newest_held_out, share_held_out
from search.taste.neighbours import ItemNeighbours, Popularity
from search.taste.ratings import is_ratings, read_ratings
from search.taste.trial import evaluate_ratings


def likes_of(liked: Any, times: Any = None) -> Likes:
    """Likes of a matrix [people, items] of 0 and 1."""
    matrix = np.asarray(liked, np.float32)
    users, items = np.nonzero(matrix)
    return Likes(users, items, matrix[users, items], times, matrix.shape)


def random_likes(people: int, items: int, seed: int = 0, share: float = 0.3) -> Any:
    """A matrix in which everybody likes at least one item."""
    random = np.random.default_rng(seed)
    matrix = random.random((people, items)) < share
    matrix[np.arange(people), random.integers(0, items, people)] = True
    return matrix.astype(np.float32)


def ridge_weights(liked: Any, ridge: float) -> Any:
    """EASE's weights, each column by a ridge regression of that item on all others."""
    items = liked.shape[1]
    weights = np.zeros((items, items))
    for item in range(items):
        others = [other for other in range(items) if other != item]
        part = liked[:, others]
        solved = np.linalg.solve(part.T @ part + ridge * np.eye(len(others)), part.T @ liked[:, item])
        weights[others, item] = solved
    return weights


@pytest.mark.parametrize(("people", "items"), [(4, 9), (9, 4), (6, 6), (1, 5), (5, 1)])
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(people: int, items: int) -> None:
    liked = random_likes(people, items).astype(np.float64)
    ease = Ease(sparse.csr_matrix(liked), 1.5)
    unit = ease.scores(sparse.csr_matrix(np.eye(items)))
    assert np.allclose(unit, ridge_weights(liked, 1.5), atol=1e-9)
    assert np.allclose(np.diag(unit), 0, atol=1e-9)
    assert ease.by_people == (people <= (liked.sum(axis=0) > 0).sum())


def test_items_beyond_the_cap_score_nothing_and_the_rest_as_without_them() -> None:
    liked = random_likes(12, 10, share=0.4).astype(np.float64)
    ease = Ease(sparse.csr_matrix(liked), 2.0, largest=4)
    scores = ease.scores(sparse.csr_matrix(liked))
    kept = np.sort(np.argsort(-liked.sum(axis=0), kind="stable")[:4])
    assert np.allclose(scores[:, kept], liked[:, kept] @ ridge_weights(liked[:, kept], 2.0))
    assert np.allclose(np.delete(scores, kept, axis=1), 0)


def test_a_restored_model_scores_the_same() -> None:
    histories = Histories.of(likes_of(random_likes(20, 30)))
    for largest in (6000, 10):
        model = Blended(histories, Weighting(ridge=5.0, memory=None), largest)
        again = Blended.restored(model.state())
        assert again.weighting == model.weighting
        assert np.allclose(again.scores(histories), model.scores(histories), atol=1e-3)


def test_people_and_items_without_likes_do_no_harm() -> None:
    liked = random_likes(8, 6)
    liked[3], liked[:, 2] = 0, 0
    histories = Histories.of(likes_of(liked))
    for name, contender in MODELS.items():
        scores = contender.fit(histories, **contender.grid[0]).scores(histories)
        assert scores.shape == liked.shape and np.isfinite(scores).all(), name


def test_neighbours_against_brute_force() -> None:
    liked = random_likes(15, 8)
    likeness = np.zeros((8, 8))
    for a, b in itertools.permutations(range(8), 2):
        both, (n, m) = float(liked[:, a] @ liked[:, b]), (liked[:, a].sum(), liked[:, b].sum())
        likeness[a, b] = both / (math.sqrt(n * m) + 3)
    for column in likeness.T:
        column[column < np.sort(column)[-2]] = 0
    model = ItemNeighbours(Histories.of(likes_of(liked)), neighbours=2, shrinkage=3)
    assert np.allclose(model.scores(Histories.of(likes_of(liked))), liked @ likeness, atol=1e-5)


def test_popularity_counts_people() -> None:
    histories = Histories.of(likes_of([[1, 1, 0], [0, 1, 0], [0, 1, 0]]))
    assert Popularity(histories).scores(histories).tolist() == [[1, 3, 0]] * 3


@pytest.mark.parametrize("name", ["als", "bpr", "pixloom"])
def test_models_give_the_same_every_time(name: str) -> None:
    histories = Histories.of(likes_of(random_likes(30, 20)))
    contender = MODELS[name]
    first, second = (contender.fit(histories, **contender.grid[0]).scores(histories) for _ in range(2))
    assert np.array_equal(first, second)


def test_newer_likes_say_more() -> None:
    """Two groups of people who like one half of the items each; somebody went from one half to the other."""
    liked = np.zeros((21, 8), np.float32)
    liked[:10, :4], liked[10:20, 4:] = 1, 1
    liked[20, [0, 1, 4, 5]] = 1
    likes = likes_of(liked, np.zeros(int(liked.sum()), np.int64))
    for old, new in (((0, 1), (4, 5)), ((4, 5), (0, 1))):
        times = np.where((likes.users == 20) & np.isin(likes.items, new), 2, 1)
        histories = Histories.of(Likes(likes.users, likes.items, likes.amounts, times, likes.shape))
        scores = Blended(histories, Weighting(ridge=1.0, memory=2.0)).scores(histories)[20]
        assert scores[new[0] + 2] > scores[old[0] + 2]


@st.composite
def judged(draw: st.DrawFn) -> tuple[Floats, Flags]:
    """Scores of few distinct values, so that ties are common, some of them left out, and what is relevant."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 12)))
    values = st.sampled_from([-np.inf, -1.0, 0.0, 1.0, 2.0])
    return draw(arrays.arrays(np.float32, shape, elements=values)), draw(arrays.arrays(np.bool_, shape))


@given(judged(), st.integers(1, 14))
def test_rank_metrics_against_brute_force(case: tuple[Floats, Flags], k: int) -> None:
    found, gains = shares_found(*case, k), ndcg_at_k(*case, k)
    every: list[tuple[int, int]] = []
    for row, (scores, relevant) in enumerate(zip(*case, strict=True)):
        ranked = [bool(flag) for _, flag in sorted(zip(-scores, relevant, strict=True))]
        every += [(row, place) for place, flag in enumerate(ranked, 1) if flag]
        if not relevant.any():
            assert np.isnan(found[row]) and np.isnan(gains[row])
            continue
        assert found[row] == pytest.approx(sum(ranked[:k]) / relevant.sum())
        gain = sum(1 / math.log2(1 + place) for place, flag in enumerate(ranked[:k], 1) if flag)
        best = sum(1 / math.log2(1 + place) for place in range(1, min(k, int(relevant.sum())) + 1))
        assert gains[row] == pytest.approx(gain / best)
    rows, ranks = places(*case)
    assert list(zip(rows.tolist(), ranks.tolist(), strict=True)) == every


@st.composite
def timed(draw: st.DrawFn) -> Likes:
    """Likes of a few people, in any order, often at the same time."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, unique=True))
    times = draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)))
    users, items = (np.array([pair[place] for pair in pairs], np.int64) for place in (0, 1))
    return Likes(users, items, np.ones(len(pairs), np.float32), np.array(times, np.int64), (5, 7))


@given(timed(), st.integers(1, 4))
def test_leave_last_out(likes: Likes, least: int) -> None:
    held, ages = newest_held_out(likes, least=least), ages_of(likes)
    assert likes.times is not None
    for user in range(5):
        own = likes.users == user
        assert sorted(ages[own].tolist()) == list(range(1, int(own.sum()) + 1))
        assert held[own].sum() == (own.sum() >= least)
        for place in np.flatnonzero(held & own):
            assert likes.times[place] == likes.times[own].max()
    assert len(likes.of(held)) + len(likes.of(~held)) == len(likes)


@given(timed(), st.floats(0, 0.9), st.integers(0, 3))
def test_a_share_by_lot(likes: Likes, share: float, seed: int) -> None:
    held = share_held_out(likes, share, seed)
    for user in range(5):
        own = likes.users == user
        assert held[own].sum() == math.floor(own.sum() * share)
    assert np.array_equal(held, share_held_out(likes, share, seed))


def rated(folder: Path, *lines: str, heading: str = "userId,movieId,rating,timestamp") -> Path:
    (folder / "ratings.csv").write_text("\n".join([heading, *lines]) + "\n")
    return folder


def test_ratings_and_their_junk(tmp_path: Path) -> None:
    junk = ["", "x", "1,2,nan,5", "1,2,-4,5", ",2,5,5", "1,,5,5", "1,2,good,5", "1,2,5,later", "1,2,inf,1"]
    data = read_ratings(rated(tmp_path, "1,7,4.0,10", *junk, "1,8,3.5,11", "2,7,5,9", "1,7,2,12", "2,8,1,1", "2,8,4,2"))
    # person 1 thought worse of item 7 later, person 2 better of item 8
    assert [*zip(data.likes.users, data.likes.items, strict=True)] == [(0, 0), (0, 1)]
    assert data.likes.times is not None and data.likes.times.tolist() == [9, 2]
    assert (data.read, data.problems.counts["record"]) == (6, len(junk) - 1)
    assert "line 4" in data.problems.listed[0].where
    assert read_ratings(tmp_path / "ratings.csv").likes.shape == (1, 2)


def test_counts_and_their_junk(tmp_path: Path) -> None:
    (tmp_path / "data1.txt").write_text("1 5 3\n1 6 3.2466e+05\n2 5 -1\n2 5 0\n2 5 nan\n2 5\n\n2 6 1\n")
    (tmp_path / "test1.txt").write_text("1 7 2\n1 5 9\nx y z\n")
    data = read_ratings(tmp_path)
    assert (data.likes.shape, data.read) == ((2, 3), 5)
    assert data.problems.counts == {"record": 5, "conflict": 1}
    assert data.test is not None and data.test.tolist() == [False, False, False, True]
    assert data.likes.amounts[1] == pytest.approx(324660)


def test_data_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="spelling"):
        read_ratings(tmp_path / "none")
    with pytest.raises(UsageError, match=r"ratings\.csv with columns"):
        read_ratings(tmp_path)
    assert not is_ratings(tmp_path)
    with pytest.raises(UsageError, match="needs columns"):
        read_ratings(rated(tmp_path, "1,2,3,4", heading="a,b,c,d"))
    for lines in ((), ("1,2,3,4",), ("1,2,nan,4",)):
        with pytest.raises(UsageError, match="Nobody likes anything"):
            read_ratings(rated(tmp_path, *lines))
    (tmp_path / "ratings.csv").write_bytes(b"")
    with pytest.raises(UsageError, match="needs columns"):
        read_ratings(tmp_path)
    for lines in (("1,2,5,4",), ("1,2,5,4", "1,3,5,5"), tuple(f"{user},1,5,5" for user in range(9))):
        with pytest.raises(UsageError, match="leaves nothing to hold out"):
            evaluate_ratings(rated(tmp_path, *lines))


def test_data_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LARGEST", 5)
    with pytest.raises(UsageError, match="2 people and 3 items"):
        evaluate_ratings(rated(tmp_path, "1,1,5,1", "1,2,5,2", "1,3,5,3", "2,3,5,3"))


SMALL = {
    "popularity": MODELS["popularity"],
    "ease": Contender(PlainEase, ({"ridge": 1.0}, {"ridge": 1e9})),
    "pixloom": Contender(lambda histories, **_: Blended(histories, Weighting(ridge=1.0)), ({},)),
}


def test_a_trial_against_hand_counted_figures(tmp_path: Path) -> None:
    """Two groups with fifteen items each, liked in a circle: the next one of the own group is easily told by those who
    like the same, not by popularity."""
    lines = [f"{user},{100 * (user % 2) + (user + step) % 15},5,{step}" for user in range(60) for step in range(8)]
    figures = evaluate_ratings(rated(tmp_path, *lines), models=SMALL)
    held = figures["held_out"]
    assert (figures["people"], figures["items"], figures["likes"]) == (60, 30, 480)
    assert (held["test"], held["test_people"], held["validation"]) == (60, 60, 60)
    popularity, ease, own = figures["models"]
    assert ease["recall@20"] == own["recall@20"] == 1 and ease["ndcg@10"] > 0.6 > popularity["ndcg@10"]
    assert ease["parameters"] == {"ridge": 1.0} and ease["tried"] == 2
    assert {**evaluate_ratings(tmp_path, models=SMALL)["models"][1], "train_seconds": 0, "ms_per_person": 0} == {
        **ease,
        "train_seconds": 0,
        "ms_per_person": 0,
    }


def test_the_test_part_chooses_nothing(tmp_path: Path) -> None:
    """Other test data change no parameter."""
    liked = random_likes(40, 25, share=0.4)
    rows = [f"{user} {item} 1" for user, item in zip(*np.nonzero(liked), strict=True)]
    chosen = []
    for shift in (1, 7):
        (tmp_path / "data1.txt").write_text("\n".join(rows))
        free = [(user, int(np.flatnonzero(row == 0)[shift % 5])) for user, row in enumerate(liked)]
        (tmp_path / "test1.txt").write_text("\n".join(f"{user} {item} 1" for user, item in free))
        figures = evaluate_ratings(tmp_path, models=SMALL)
        chosen.append([(row["parameters"], row["validation"]) for row in figures["models"]])
    assert chosen[0] == chosen[1]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{user},{(user + step) % 12},5,{step}" for user in range(24) for step in range(6)]
    command = ["evaluate", "recommend", str(rated(tmp_path, *lines, "1,2,nan,3"))]
    assert main([*command, "--json"]) == 0
    said = capsys.readouterr()
    figures = json.loads(said.out)
    assert [row["name"] for row in figures["models"]] == list(MODELS)
    assert all(0 <= row[name] <= 1 for row in figures["models"] for name in ("recall@20", "ndcg@10"))
    assert figures["problems"]["counts"] == {"record": 1} and "train" in said.err
    show_trial(figures)
    shown = capsys.readouterr().out
    assert "24 of 24 people" in shown and "record: 1" in shown and "pixloom" in shown
    assert main([*command, "--plot", str(tmp_path / "x.png")]) == 2
    assert main(["evaluate", "recommend", str(tmp_path / "none")]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["evaluate", "recommend", str(tmp_path / "empty"), "--json"]) == 2
    assert "ratings.csv" in json.loads(capsys.readouterr().out)["detail"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(DependencyError, match=r"pixloom\[recommend\]"):
        MODELS["als"].fit(Histories.of(likes_of(random_likes(5, 5))))
