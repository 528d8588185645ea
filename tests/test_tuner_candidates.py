"""Candidates ranked by what the encoder says of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tuner.candidates import WEIGHTS, rank

FIGURES = st.floats(-1, 1, width=32)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_prompt_counts_most() -> None:
    best = rank([7, 8, 9], {"text": floats(0.1, 0.3, 0.2), "aesthetic": floats(0.3, 0.1, 0.2)})
    assert [one.outcome for one in best] == [8, 9, 7]
    assert best[0].why == "shows more of the prompt, looks worse made"
    assert best[0].parts == {"text": 0.3, "aesthetic": 0.1}


def test_scores_are_weighted_means_of_standard_scores() -> None:
    text, likeness = floats(0.1, 0.5, 0.3), floats(0.9, 0.8, 0.1)
    by_hand = sum(
        WEIGHTS[name] * (values - values.mean()) / values.std()
        for name, values in (("text", text), ("likeness", likeness))
    ) / (WEIGHTS["text"] + WEIGHTS["likeness"])
    found = {one.outcome: one.score for one in rank([0, 1, 2], {"text": text, "likeness": likeness})}
    np.testing.assert_allclose([found[id] for id in range(3)], by_hand, atol=1e-3)


def test_where_all_are_alike_the_order_stays() -> None:
    best = rank([3, 1, 2], {"text": floats(0.2, 0.2, 0.2)})
    assert [one.outcome for one in best] == [3, 1, 2]
    assert all(one.score == 0 and one.why == "much like the others" for one in best)
    assert rank([], {}) == [] and [one.outcome for one in rank([5], {})] == [5]


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=1, max_size=8))
def test_what_is_better_in_every_part_is_never_behind(figures: list[tuple[float, float]]) -> None:
    text, taste = (floats(*column) for column in zip(*figures, strict=True))
    place = {one.outcome: at for at, one in enumerate(rank(range(len(figures)), {"text": text, "taste": taste}))}
    scores = {one.outcome: one.score for one in rank(range(len(figures)), {"text": text, "taste": taste})}
    for one in place:
        for other in place:
            if text[one] >= text[other] and taste[one] >= taste[other]:
                assert place[one] <= place[other] or scores[one] == scores[other]
