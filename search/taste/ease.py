"""EASE: which items go with which, as a ridge regression of each item on all others, in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019. With A [people, items] what was liked and P
the inverse of A'A + r, the weights by which others predict item j are -P[i, j] / P[j, j], and its own is 0. So a
history q scores items by q - (q P) / diagonal of P. Where there are fewer people than items, q P comes from the
inverse of AA' + r (Woodbury's identity), a matrix of people: no matrix of items is ever made.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

Doubles = NDArray[np.float64]

LARGEST = 6000
"""Rows of the matrix that is inverted: people, or items where these are fewer. In double precision 288 MB, thrice that
for a moment, and under a minute on two cores."""
_BLOCK = 512
"""Columns that are dense at once."""
_FEW = 8
"""A column in which less than one in so many is liked is better not made dense."""


class Ease:
    """What was learned from a matrix of likes; it scores any history of the same items."""

    def __init__(self, liked: sparse.csr_matrix, ridge: float, largest: int = LARGEST) -> None:
        """Learn from `liked` [people, items], with the regularisation `ridge` above 0, as a multiple of the mean square
        of what isn't 0 in it.

        Where there are more than `largest` people and also more items, only so many items, those that most people
        like, take part: the others score 0.
        """
        counts = np.asarray((liked != 0).sum(axis=0)).ravel()
        known = counts > 0
        if min(liked.shape[0], int(known.sum())) > largest:
            known = np.zeros(len(counts), np.bool_)
            known[np.argsort(-counts, kind="stable")[:largest]] = True
            liked = liked @ sparse.diags(known.astype(np.float64))
        self.liked, self.known = liked.tocsr().astype(np.float64), np.flatnonzero(known)
        self.ridge = ridge * float(np.mean(self.liked.data**2) if self.liked.nnz else 1.0)
        self.by_people = liked.shape[0] <= len(self.known)
        side = self.liked if self.by_people else self.liked[:, self.known].T
        self.inverse = _inverse((side @ side.T).toarray(), self.ridge)
        self.diagonal = self._diagonal()

    def scores(self, asked: sparse.csr_matrix) -> Doubles:
        """[q, items] for histories [q, items]: higher is likelier to be liked next. What is in a history already is
        scored too, by the rest of it."""
        told: Doubles = asked.toarray()
        if self.by_people:
            projected = (told - np.asarray(((self.liked @ told.T).T @ self.inverse) @ self.liked)) / self.ridge
        else:
            projected = told / self.ridge
            projected[:, self.known] = told[:, self.known] @ self.inverse
        return np.asarray(told - projected / self.diagonal)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was learned, as arrays."""
        parts = {name: getattr(self.liked, name) for name in ("data", "indices", "indptr", "shape")}
        inverse = self.inverse.astype(np.float32)
        own = {"known": self.known, "ridge": self.ridge, "by_people": self.by_people, "diagonal": self.diagonal}
        return {name: np.asarray(value) for name, value in (parts | own | {"inverse": inverse}).items()}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[Any]]) -> "Ease":
        """The model that `state` was taken of, its inverse in single precision."""
        model = cls.__new__(cls)
        parts = state["data"], state["indices"], state["indptr"]
        model.liked = sparse.csr_matrix(parts, shape=tuple(state["shape"].tolist()))
        model.known, model.diagonal = state["known"], state["diagonal"]
        model.ridge, model.by_people = float(state["ridge"]), bool(state["by_people"])
        model.inverse = state["inverse"].astype(np.float64)
        return model

    def _diagonal(self) -> Doubles:
        """The diagonal of P [items]."""
        if not self.by_people:
            diagonal = np.full(self.liked.shape[1], 1 / self.ridge)
            diagonal[self.known] = np.diag(self.inverse)
            return diagonal
        columns = self.liked.tocsc()
        counts = np.diff(columns.indptr)
        within = np.zeros(len(counts))
        # Most items are liked by few: what these few have to do with each other is all that counts.
        few = counts * _FEW <= len(self.inverse)
        for item in np.flatnonzero(few & (counts > 0)):
            part = slice(columns.indptr[item], columns.indptr[item + 1])
            people, liked = columns.indices[part], columns.data[part]
            within[item] = liked @ self.inverse[np.ix_(people, people)] @ liked
        many = np.flatnonzero(~few)
        for start in range(0, len(many), _BLOCK):
            some = many[start : start + _BLOCK]
            block = columns[:, some].toarray()
            within[some] = ((self.inverse @ block) * block).sum(axis=0)
        return np.asarray((1 - within) / self.ridge)


def _inverse(gram: Doubles, ridge: float) -> Doubles:
    """The inverse of a positive semidefinite matrix with `ridge` added to its diagonal, by Cholesky."""
    gram[np.diag_indices(len(gram))] += ridge
    factor, failed = lapack.dpotrf(gram, overwrite_a=True)
    inverse, again = lapack.dpotri(factor, overwrite_c=True)
    if failed or again:
        raise FloatingPointError("The ridge is too small for these numbers: take a larger one.")
    upper = np.triu(inverse)
    return np.asarray(upper + np.triu(upper, 1).T)
