"""Matrix factorisations by the library `implicit`, the extra `recommend`: ALS and BPR."""

from collections.abc import Callable
from typing import Any

import numpy as np

from indexer.errors import DependencyError
from indexer.types import Floats
from search.taste.histories import Histories


class Factors:
    """People and items as vectors; a score is their inner product.

    It scores the histories that it learned from, in their order, and no others: BPR has no vector for anybody else.
    """

    def __init__(self, people: Floats, items: Floats) -> None:
        """Vectors [people, factors] and [items, factors]."""
        self.people, self.items = people, items

    def scores(self, histories: Histories) -> Floats:
        """[people, items] for the histories that it learned from."""
        if histories.amounts.shape[0] != len(self.people):
            raise ValueError("a factorisation scores the people it learned from")
        return np.asarray(self.people @ self.items.T, np.float32)


def als(
    histories: Histories,
    *,
    factors: int = 64,
    regularization: float = 0.01,
    alpha: float = 20.0,
    iterations: int = 15,
    seed: int = 0,
) -> Factors:
    """iALS: Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; `alpha` is
    the confidence in a like, where that in the lack of one is 1."""

    def model() -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        return AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            alpha=alpha,
            iterations=iterations,
            random_state=seed,
            num_threads=1,
        )

    return _fitted(model, histories)


def bpr(
    histories: Histories,
    *,
    factors: int = 64,
    regularization: float = 0.01,
    learning_rate: float = 0.05,
    iterations: int = 100,
    seed: int = 0,
) -> Factors:
    """BPR: Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009. One thread, since
    several would make each run another."""

    def model() -> Any:
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        return BayesianPersonalizedRanking(
            factors=factors,
            regularization=regularization,
            learning_rate=learning_rate,
            iterations=iterations,
            random_state=seed,
            num_threads=1,
        )

    return _fitted(model, histories)


def _fitted(make: Callable[[], Any], histories: Histories) -> Factors:
    try:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):  # below the library's own loops, threads of BLAS only get in their way
            model = make()
            model.fit(histories.liked, show_progress=False)
    except ImportError as error:
        raise DependencyError("ALS and BPR need the package implicit: pip install 'pixloom[recommend]'.") from error
    return Factors(np.array(model.user_factors), np.array(model.item_factors))
