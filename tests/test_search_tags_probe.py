"""The probe against scikit-learn and against training again without each label; its odds; what to label next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from indexer.types import Floats
from search.tags import probe as module
from search.tags.odds import Odds
from search.tags.probe import Probe, Trained, train
from search.tags.useful import most_useful

NONE = np.zeros(0)


def unit(vectors: Floats) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def made_up(dimension: int, seed: int = 0) -> tuple[Floats, Floats, Floats, Floats]:
    """Yes, no, name and collection: what is looked for lies along the first axis."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((120, dimension)).astype(np.float32)
    noise[:24, 0] += 2 * np.sqrt(dimension)
    vectors = unit(noise)
    name = unit(np.eye(dimension)[0] + 0.3 * random.standard_normal(dimension) / np.sqrt(dimension))
    return vectors[:4], vectors[30:34], name, vectors[10:]


def by_sklearn(yes: Floats, no: Floats, name: Floats, collection: Floats) -> tuple[Floats, float]:
    """Ridge regression of what the name leaves unexplained, about the collection's mean."""
    near = np.linalg.norm(collection[:, None] - np.concatenate([yes, no]), axis=2).min(axis=1)
    collection = collection[near > 1e-3].astype(np.float64)
    centre = collection.mean(axis=0)
    points = np.concatenate([yes, no, collection]) - centre
    spread = collection - centre
    prior = name.astype(np.float64) * 0.1 / len(yes) / (spread @ name).std()
    costs = np.repeat([0.2, 0.05, 1 / len(collection)], [len(yes), len(no), len(collection)])
    targets = np.repeat([1.0, 0.0], [len(yes), len(points) - len(yes)]) - points @ prior
    model = Ridge(alpha=0.02 * (spread**2).sum(axis=1).mean(), fit_intercept=False, solver="cholesky")
    weights = prior + model.fit(points, targets, sample_weight=costs).coef_
    return weights, -float(weights @ centre)


@pytest.mark.parametrize("dimension", [8, 300])  # more points than numbers, and the reverse
def test_the_probe_is_the_ridge_solution(dimension: int) -> None:
    yes, no, name, collection = made_up(dimension)
    weights, bias = by_sklearn(yes, no, name, collection)
    found = train(yes, no, name, collection).probe
    np.testing.assert_allclose(found.weights, weights, atol=2e-4)
    assert found.bias == pytest.approx(bias, abs=2e-4)
    np.testing.assert_allclose(found.scores(collection), collection @ weights + bias, atol=5e-4)


@pytest.mark.parametrize("dimension", [8, 300])
def test_both_ways_to_solve_agree_with_leaving_out(dimension: int) -> None:
    random = np.random.default_rng(1)
    points = random.standard_normal((40, dimension)).astype(np.float32)
    targets, costs = random.standard_normal(40), random.uniform(0.1, 2, 40)
    (dual, out_dual), (primal, out_primal) = (
        solve(points, targets, costs, 5) for solve in (module._dual, module._primal)
    )
    np.testing.assert_allclose(dual, primal, atol=1e-3)
    np.testing.assert_allclose(out_dual, out_primal, atol=1e-3)
    for n in range(5):
        others = np.arange(40) != n
        alone = Ridge(alpha=1, fit_intercept=False).fit(points[others], targets[others], sample_weight=costs[others])
        assert out_dual[n] == pytest.approx(alone.predict(points[n : n + 1])[0], abs=1e-3)


def test_many_vectors_score_as_few_do() -> None:
    random = np.random.default_rng(0)
    probe = Probe(random.standard_normal(6).astype(np.float32), 0.5)
    vectors = random.standard_normal((12_000, 6)).astype(np.float32)
    np.testing.assert_allclose(probe.scores(vectors)[:50], probe.scores(vectors[:50]), atol=1e-5)


def test_labels_beat_the_name_and_the_name_helps_where_labels_are_few() -> None:
    yes, no, name, collection = made_up(64)
    shows = np.arange(len(collection)) < 14  # the first ten were taken for labels
    both = train(yes, no, name, collection).probe.scores(collection)
    assert both[shows].min() > both[~shows].max()
    other = unit(-name)
    one, against = (train(yes[:1], no[:0], some, collection).probe.scores(collection) for some in (name, other))
    assert (one[shows].mean() - one[~shows].mean()) > (against[shows].mean() - against[~shows].mean())


def test_a_no_pushes_down_what_is_like_it() -> None:
    yes, _, name, collection = made_up(64)
    random = np.random.default_rng(3)
    alike = unit(yes[0] + 1.2 * collection[60] + 0.04 * random.standard_normal((10, 64)))
    before, after = (
        train(yes, no, name, np.concatenate([collection, alike])).probe.scores(alike[1:])
        for no in (alike[:0], alike[:1])
    )
    assert (after < before - 0.02).all()


@pytest.mark.parametrize("background", [0, 1, 3])
@pytest.mark.parametrize("labels", [(0, 0), (1, 0), (0, 2), (2, 2)])
def test_nearly_empty_collections_give_finite_numbers(background: int, labels: tuple[int, int]) -> None:
    vectors, name = unit(np.random.default_rng(2).standard_normal((8, 5))), unit(np.ones(5))
    if not background and labels == (0, 0):
        return
    told = train(vectors[: labels[0]], vectors[2 : 2 + labels[1]], name, vectors[4 : 4 + background])
    assert np.isfinite(told.probe.weights).all() and np.isfinite(told.probe.bias)
    assert (len(told.yes), len(told.no)) == labels and np.isfinite(told.yes).all() and np.isfinite(told.no).all()


def drawn(share: float, count: int = 4000, seed: int = 0) -> tuple[Floats, Floats]:
    """Scores of a known mixture and which of them have the tag."""
    random = np.random.default_rng(seed)
    shows = random.random(count) < share
    return np.where(shows, random.normal(0.7, 0.15, count), random.exponential(0.08, count) - 0.1), shows


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.3])
def test_odds_of_a_known_mixture(share: float) -> None:
    scores, shows = drawn(share)
    yes = np.random.default_rng(1).normal(0.7, 0.15, 10)
    odds = Odds.of(scores, np.ones(len(scores)), yes, NONE)
    chances = odds.probabilities(scores)
    assert odds.share == pytest.approx(shows.mean(), rel=0.25)
    assert chances.sum() == pytest.approx(shows.sum(), rel=0.25)
    given = chances >= 0.6
    assert chances[given].mean() == pytest.approx(shows[given].mean(), abs=0.1)
    assert given[shows].mean() > 0.7


def test_odds_of_a_part_that_stands_for_more() -> None:
    scores, _ = drawn(0.02)
    high = np.sort(scores)[::-1]
    counts = np.concatenate([np.ones(1000), np.full(300, 10.0)])
    part = np.concatenate([high[:1000], high[1000::10]])
    whole = Odds.of(scores, np.ones(4000), np.full(5, 0.7), NONE)
    sampled = Odds.of(part, counts, np.full(5, 0.7), NONE)
    assert sampled.score_at(0.6) == pytest.approx(whole.score_at(0.6), abs=0.02)


@few(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1, 2, width=32), max_size=60),
    st.lists(st.floats(-1, 2, width=32), max_size=6),
    st.lists(st.floats(-1, 2, width=32), max_size=6),
    st.floats(0.01, 1),
)
def test_odds_are_probabilities_that_rise_with_the_score(
    scores: list[float], yes: list[float], no: list[float], wanted: float
) -> None:
    odds = Odds.of(np.array(scores), np.ones(len(scores)), np.array(yes), np.array(no))
    grid = odds.probabilities(np.linspace(-2, 4, 200))
    assert (np.diff(grid) >= 0).all() and grid.min() >= 0 and grid.max() <= 1
    least = odds.score_at(wanted)
    if np.isfinite(least) and least < 1e6:
        assert odds.probabilities(np.array([least + 1e-6]))[0] >= min(wanted, 0.999)
        assert odds.probabilities(np.array([least - 1e-3]))[0] < wanted or least <= odds.edge + 1e-2


def test_the_next_labels_are_unsure_and_unlike_each_other() -> None:
    vectors = unit(np.eye(6)[[0, 0, 1, 2, 3, 4]] + 0.01)
    chances = np.array([0.5, 0.5, 0.45, 0.99, 0.01, 0.3])
    assert most_useful(chances, vectors, 3).tolist() == [0, 2, 5]
    assert sorted(most_useful(chances, vectors, 10).tolist()) == [0, 1, 2, 3, 4, 5]
    assert most_useful(chances[:0], vectors[:0], 3).tolist() == []
    sure = np.zeros(6)
    sure[4] = 1e-4
    assert most_useful(sure, vectors, 1).tolist() == [4]


def test_a_trained_probe_has_a_score_for_each_label() -> None:
    yes, no, name, collection = made_up(16)
    told: Trained = train(yes, no, name, collection)
    seen = told.probe.scores(yes)
    assert (told.yes < seen).all(), "a label that was seen scores higher than one that was left out"
    assert told.no.shape == (4,)
