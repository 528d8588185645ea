"""Metrics against brute force, closed forms and properties."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from indexer.types import Floats
from search.metrics import (
    Flags,
    accuracy,
    calibrated_confidence,
    expected_calibration_error,
    mean_average_precision,
    precision_at_k,
    recall_at_k,
    reliability,
)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Floats, Flags]:
    """Scores of few distinct values (so that ties are common) and what is relevant."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 12)))
    scores = draw(arrays.arrays(np.float32, shape, elements=st.integers(-3, 3).map(float)))
    return scores, draw(arrays.arrays(np.bool_, shape))


def worst_order(scores: Floats, relevant: Flags) -> list[bool]:
    """One query's relevance by falling score, relevant last among ties."""
    return [bool(flag) for _, flag in sorted(zip(-scores, relevant, strict=True))]


@given(judged(), st.integers(1, 15))
def test_against_brute_force(case: tuple[Floats, Flags], k: int) -> None:
    ranked = [worst_order(*row) for row in zip(*case, strict=True)]
    assert recall_at_k(*case, k) == pytest.approx(sum(any(row[:k]) for row in ranked) / len(ranked))
    assert precision_at_k(*case, k) == pytest.approx(
        float(sum(Fraction(sum(row[:k]), min(k, len(row))) for row in ranked) / len(ranked))
    )
    precisions = [
        [Fraction(sum(row[: place + 1]), place + 1) for place, flag in enumerate(row) if flag] for row in ranked
    ]
    averages = [sum(row) / len(row) for row in precisions if row]
    if averages:
        assert mean_average_precision(*case) == pytest.approx(float(sum(averages) / len(averages)))
    else:
        assert math.isnan(mean_average_precision(*case))


@given(judged())
def test_recall_grows_with_k_up_to_the_share_of_answerable_queries(case: tuple[Floats, Flags]) -> None:
    recalls = [recall_at_k(*case, k) for k in range(1, 14)]
    assert recalls == sorted(recalls)
    assert recalls[-1] == pytest.approx(case[1].any(axis=1).mean())


@given(judged(), st.permutations(range(12)))
def test_order_of_items_does_not_matter(case: tuple[Floats, Flags], shuffled: list[int]) -> None:
    order = [index for index in shuffled if index < case[0].shape[1]]
    for metric in (mean_average_precision, lambda *both: precision_at_k(*both, 3)):
        assert metric(case[0][:, order], case[1][:, order]) == pytest.approx(metric(*case), nan_ok=True)


def test_perfect_and_useless_rankings() -> None:
    relevant = np.eye(5, dtype=bool)
    assert recall_at_k(relevant.astype(np.float32), relevant, 1) == 1
    assert mean_average_precision(relevant.astype(np.float32), relevant) == 1
    constant = np.zeros((5, 5), np.float32)
    assert recall_at_k(constant, relevant, 4) == 0
    assert mean_average_precision(constant, relevant) == pytest.approx(1 / 5)


def test_accuracy() -> None:
    scores = np.array([[1, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    assert accuracy(scores, np.array([0, 1, 1, 0])) == 0.5


def test_calibration_error_closed_forms() -> None:
    assert expected_calibration_error(np.ones(4, np.float32), np.ones(4, bool)) == 0
    assert expected_calibration_error(np.ones(4, np.float32), np.zeros(4, bool)) == 1
    half = np.full(10, 0.5, np.float32)
    assert expected_calibration_error(half, np.arange(10) % 2 == 0) == 0
    two = np.array([0.25] * 4 + [0.75] * 4, np.float32)
    assert expected_calibration_error(two, np.array([1, 1, 0, 0, 1, 0, 0, 0], bool)) == pytest.approx((0.25 + 0.5) / 2)


@given(arrays.arrays(np.float64, 20, elements=st.floats(0, 1)), arrays.arrays(np.bool_, 20), st.integers(1, 30))
def test_calibration_error_against_brute_force(confidence: Floats, correct: Flags, bins: int) -> None:
    total = 0.0
    for number in range(bins):
        inside = [place for place in range(20) if min(int(confidence[place] * bins), bins - 1) == number]
        total += abs(sum(confidence[place] - correct[place] for place in inside))
    assert expected_calibration_error(confidence, correct, bins) == pytest.approx(total / 20)


def test_calibration_finds_the_scale_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 5)).astype(np.float32) / 10
    chances = np.exp(scores * 20) / np.exp(scores * 20).sum(axis=1, keepdims=True)
    labels = (rng.random((4000, 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    correct = scores.argmax(axis=1) == labels
    assert (
        expected_calibration_error(
            calibrated_confidence(scores, labels[:, None] == np.arange(scores.shape[1])), correct
        )
        < 0.05
    )
    assert expected_calibration_error(chances.max(axis=1) ** 3, correct) > 0.1


def test_reliability_holds_every_row_in_its_bin() -> None:
    confidence = np.array([0.05, 0.15, 0.19, 1.0], np.float32)
    bins = reliability(confidence, np.array([True, False, True, True]), 10)
    assert bins == [
        (pytest.approx(0.05), 1.0, 1),
        (pytest.approx(0.17), 0.5, 2),
        (1.0, 1.0, 1),
    ]


def test_calibration_takes_several_right_answers() -> None:
    """Two answers that are always right together: each can have half of the probability at most."""
    scores = np.tile(np.array([[1.0, 1.0, 0.0]], np.float32), (20, 1))
    confidence = calibrated_confidence(scores, np.tile([[True, True, False]], (20, 1)))
    assert confidence == pytest.approx(0.5, abs=0.01)


def test_calibration_of_very_few_rows_is_finite() -> None:
    for n in (1, 2, 3):
        confidence = calibrated_confidence(np.ones((n, 2), np.float32), np.eye(2, dtype=np.bool_)[[0] * n])
        assert np.isfinite(confidence).all() and confidence.shape == (n,)
