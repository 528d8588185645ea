"""Vectors -> probabilities of tags.

A name is held against a picture by its gap: how far their score lies above the 10th best of the 1000 class names. Where
the encoder's tower tells classes apart, the probability of the classes at or below the concept in the graph counts too,
or of those below its nearest ancestor that has some; and concepts that captions told of have a linear probe instead. A
logistic regression weighs them (`bench/train_tags.py` fits it), so that the result is a probability.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.serial import unwrapped
from indexer.types import Encoder, Floats
from search.knowledge.everyday import Everyday
from search.tags.anchors import anchors_of
from search.tags.tag_model import TagModel
from search.tags.vocabulary import Vocabulary

RANK = 10
"""Of the class names' scores, the one that others are compared with."""
SCALE = 10.0
"""Of gaps, so that coefficients are of one size."""
SHARPNESS = 3.0
"""By any other encoder, a name competes with the class names in a softmax whose scores are standardised and multiplied
by this: what CLIP's own temperature of 1/100 comes to where scores deviate by .03. Not measured on CLIP here."""
CLEARLY = 0.05
"""Cosine by which a class fits a picture better than a kind of the same thing that has no class."""
_RAREST = 1e-4
"""Probabilities of classes are held to be at least this, and at most 1 less it."""


@dataclass(frozen=True)
class Evidence:
    """What is held against n pictures for each of m names."""

    gaps: Floats
    """[n, m], scaled by SCALE."""
    masses: Floats | None
    """[n, m]: logit of the probability of the name's anchor, 0 where it has none; None without a classifier."""
    confidence: Floats | None
    """[n]: logit of the most probable class's probability."""


class Scorer:
    """Scores pictures by the names of one vocabulary. Safe to share between threads."""

    def __init__(
        self,
        encoder: Encoder,
        vocabulary: Vocabulary,
        everyday: Everyday,
        names: Floats,
        classes: Floats,
        model: TagModel | None = None,
    ) -> None:
        """`names` [m, d] and `classes` [1000, d] are vectors of the vocabulary's and the classes' names; `model` is the
        one of this very encoder, where there is one."""
        self.encoder, self.vocabulary, self.model = encoder, vocabulary, model
        self.names, self.classes = names, classes
        self.anchors = anchors_of(vocabulary.concepts, vocabulary.graph, everyday)
        self.unprobed: NDArray[np.bool_] = np.ones(len(vocabulary), np.bool_)
        """The names [m] without a probe."""
        if model is not None:
            self._weigh(model)

    def _weigh(self, model: TagModel) -> None:
        """What the logits are of, as one affine map of the vector and the reference, and what classes add."""
        weights = model.coefficients
        places = {id: place for place, id in enumerate(model.probed)}
        of = np.array([places.get(one.id, -1) for one in self.vocabulary.concepts])
        probed = of >= 0
        self._gap = SCALE * np.where(probed, model.probe[1], weights.gap).astype(np.float32)
        self._directions = self.names * self._gap[:, None]
        self._directions[probed] += model.probe[0] * model.probes[of[probed]]
        self._bias = np.full(len(of), weights.bias, np.float32)
        self._bias[probed] = model.probe[2] + model.probe[0] * model.bias[of[probed]]
        self._own = np.flatnonzero(~probed & self.anchors.own)
        self._inherited = np.flatnonzero(~probed & ~self.anchors.own & (self.anchors.of >= 0))
        anchors, of = np.unique(self.anchors.of[self._inherited], return_inverse=True)
        below = [np.flatnonzero(self.anchors.matrix[:, place]) for place in anchors]
        sizes = [0, *(len(some) for some in below[:-1])]
        members = np.concatenate(below) if below else np.zeros(0, np.int64)
        self._members = members, np.cumsum(sizes), of  # the anchors' classes, where each begins, each name's anchor
        self.unprobed = ~probed

    def probabilities(self, vectors: Floats, features: Floats | None = None) -> Floats:
        """Unit-norm vectors [n, d], and the tower's features of the same pictures, -> [n, m] in 0..1."""
        logits = self.logits(vectors, features)
        np.negative(logits, out=logits)
        np.exp(np.minimum(logits, 80, out=logits), out=logits)
        logits += 1
        return np.reciprocal(logits, out=logits)

    def logits(self, vectors: Floats, features: Floats | None = None) -> Floats:
        """The same before the logistic function."""
        if self.model is None:
            return self._competing(vectors)
        reference = np.partition(vectors @ self.classes.T, -RANK, axis=1)[:, -RANK]
        logits: Floats = vectors @ self._directions.T
        logits -= np.outer(reference, self._gap)
        logits += self._bias
        shares = self._shares(features)
        if shares is not None:
            self._add_classes(logits, shares, self.model)
        return logits

    def _competing(self, vectors: Floats) -> Floats:
        """Logits of names against the class names that are not theirs, nor kinds of theirs."""
        scores = vectors @ self.classes.T
        mean, scale = scores.mean(axis=1, keepdims=True), SHARPNESS / (scores.std(axis=1, keepdims=True) + 1e-6)
        odds = np.exp((scores - mean) * scale)
        others = np.repeat(odds.sum(axis=1, keepdims=True), len(self.names), axis=1)
        own = np.flatnonzero(self.anchors.own)
        others[:, own] -= (odds @ self.anchors.matrix)[:, self.anchors.of[own]]
        return np.asarray((vectors @ self.names.T - mean) * scale - np.log(np.maximum(others, 1)), np.float32)

    def _add_classes(self, logits: Floats, shares: Floats, model: TagModel) -> None:
        weights, masses = model.coefficients, _logit(shares @ self.anchors.matrix)
        confidence = _logit(shares.max(axis=1))
        logits += np.outer(weights.confidence * confidence, self.unprobed)
        logits[:, self._own] += (
            masses[:, self.anchors.of[self._own]] * weights.own_mass
            + weights.own
            + weights.own_confidence * confidence[:, None]
        )
        logits[:, self._inherited] += (
            masses[:, self.anchors.of[self._inherited]] * weights.inherited_mass
            + weights.inherited
            + weights.siblings * np.log(self.anchors.siblings[self._inherited])
        )

    def doubtful(self, vectors: Floats) -> NDArray[np.bool_]:
        """[n, m]: names that rest on the classes of what they are a kind of, where one of those classes itself says it
        clearly better: a shoe, of which nothing tells that it is a sneaker."""
        doubted = np.zeros((len(vectors), len(self.names)), np.bool_)
        if self.model is None or not len(self._inherited):
            return doubted
        members, starts, of = self._members
        best = np.maximum.reduceat((vectors @ self.classes.T)[:, members], starts, axis=1)[:, of]
        doubted[:, self._inherited] = vectors @ self.names[self._inherited].T < best - CLEARLY
        return doubted

    def evidence(self, vectors: Floats, features: Floats | None = None) -> Evidence:
        """What the logits are made of, one by one: to fit the coefficients, and to explain."""
        reference = np.partition(vectors @ self.classes.T, -RANK, axis=1)[:, -RANK]
        gaps = np.asarray((vectors @ self.names.T - reference[:, None]) * SCALE, np.float32)
        shares = self._shares(features)
        if shares is None:
            return Evidence(gaps, None, None)
        masses = _logit(shares @ self.anchors.matrix)
        spread = np.zeros(gaps.shape, np.float32)
        has = self.anchors.of >= 0
        spread[:, has] = masses[:, self.anchors.of[has]]
        return Evidence(gaps, spread, _logit(shares.max(axis=1)))

    def _shares(self, features: Floats | None) -> Floats | None:
        itself = unwrapped(self.encoder)
        if features is None or not isinstance(itself, HeadedEncoder):
            return None
        return itself.class_probabilities(features)


def _logit(shares: Floats) -> Floats:
    held = np.clip(shares, _RAREST, 1 - _RAREST)
    logits: Floats = np.log(held / (1 - held)).astype(np.float32)
    return logits
