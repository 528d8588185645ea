"""Heads: how tower features and text embeddings meet in one space. Each fills one block of the vector."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from indexer.types import Floats


class Head(Protocol):
    """One block of the vector: both methods give rows of unit norm, or of zeros where the head is silent."""

    @property
    def dimension(self) -> int:
        """Columns of the block."""

    @property
    def recipe(self) -> str:
        """What a fingerprint must tell apart besides the weights of towers and checkpoint."""

    def pictures(self, features: Floats) -> Floats:
        """Features [n, f] -> [n, dimension]."""

    def texts(self, embeddings: Floats) -> Floats:
        """Unit-norm text embeddings [n, t] -> [n, dimension]."""


@dataclass(frozen=True)
class ConSE:
    """Convex combination of semantic embeddings (Norouzi et al. 2014): a picture is the mean of its k most
    probable classes' text embeddings, weighted by their softmax at `temperature`.

    Texts and classes are centred by the classes' mean, as sentence embeddings of English all share a large
    part. k, temperature and wording were chosen on development data: docs/quality.md. Features may have
    more columns than the classifier, which reads the last.
    """

    classifier: Floats
    """[1000, 1280], rows of the tower's last layer."""
    bias: Floats
    """[1000]."""
    classes: Floats
    """[1000, 384], embeddings of the class texts, unit norm, not centred."""
    k: int = 100
    temperature: float = 2.0

    @property
    def dimension(self) -> int:
        """384."""
        return int(self.classes.shape[1])

    @property
    def recipe(self) -> str:
        """Constants and the version of the class texts' wording."""
        return f"conse 1 k={self.k} T={self.temperature}"

    def probabilities(self, features: Floats) -> Floats:
        """Features [n, f] -> [n, 1000]: softmax over the k best classes, zero elsewhere."""
        logits = self._logits(features) / self.temperature
        kth = np.partition(logits, -self.k, axis=1)[:, -self.k, None]
        scores = np.exp(logits - logits.max(axis=1, keepdims=True)) * (logits >= kth)
        shares: Floats = scores / scores.sum(axis=1, keepdims=True)
        return shares

    def softmax(self, features: Floats) -> Floats:
        """Features [n, f] -> [n, 1000]: the classifier's own probabilities, over all classes."""
        logits = self._logits(features)
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = scores / scores.sum(axis=1, keepdims=True)
        return shares

    def _logits(self, features: Floats) -> Floats:
        logits: Floats = features[:, -self.classifier.shape[1] :] @ self.classifier.T + self.bias
        return logits

    def pictures(self, features: Floats) -> Floats:
        """Features [n, f] -> unit-norm [n, 384]."""
        return unit(self.probabilities(features) @ self.texts(self.classes))

    def texts(self, embeddings: Floats) -> Floats:
        """Unit-norm sentence embeddings [n, 384] -> the same centred, unit norm."""
        return unit(embeddings - self.classes.mean(axis=0))


@dataclass(frozen=True)
class Affine:
    """The map x -> W (x - mean) + bias."""

    weight: Floats
    """[d, f]."""
    mean: Floats
    """[f]. Taken off first: in a bias, rounding would show wherever a mean is large beside its deviation."""
    bias: Floats
    """[d]."""

    def __call__(self, inputs: Floats) -> Floats:
        """[n, f] -> [n, d]."""
        return np.asarray((inputs - self.mean) @ self.weight.T + self.bias, np.float32)


@dataclass(frozen=True)
class LiT:
    """Locked-image tuning (Zhai et al. 2022): pictures and texts meet where training has led one affine map
    of each. `tuner.learn.lit` trains them."""

    picture: Affine
    """From features [f] to [d]."""
    text: Affine
    """From text embeddings [t] to [d]."""

    recipe: ClassVar[str] = "lit 1"

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.picture.bias)

    def pictures(self, features: Floats) -> Floats:
        """Features [n, f] -> unit-norm [n, d]."""
        return unit(self.picture(features))

    def texts(self, embeddings: Floats) -> Floats:
        """Text embeddings [n, t] -> unit-norm [n, d]."""
        return unit(self.text(embeddings))


@dataclass(frozen=True)
class Shared:
    """A space that both towers reach by themselves, such as CLIP's: features and embeddings as they are."""

    dimension: int
    recipe: ClassVar[str] = "shared 1"

    def pictures(self, features: Floats) -> Floats:
        """Features [n, dimension] -> unit norm."""
        return unit(features)

    def texts(self, embeddings: Floats) -> Floats:
        """Text embeddings [n, dimension] -> unit norm."""
        return unit(embeddings)


@dataclass(frozen=True)
class Visual:
    """What a picture looks like, for picture queries only: the features in the directions that the
    classifier tells apart (the leading right singular vectors of its matrix; no training data needed).

    Texts leave the block at zero, so it changes no ranking of pictures by a text. Features may have more
    columns than the basis, which reads the last.
    """

    basis: Floats
    """[256, 1280], orthonormal rows."""

    @property
    def dimension(self) -> int:
        """256."""
        return len(self.basis)

    @property
    def recipe(self) -> str:
        """Constants."""
        return f"visual 1 dimension={self.dimension}"

    def pictures(self, features: Floats) -> Floats:
        """Features [n, f] -> unit-norm [n, 256]."""
        return unit(features[:, -self.basis.shape[1] :] @ self.basis.T)

    def texts(self, embeddings: Floats) -> Floats:
        """Zeros [n, 256]."""
        return np.zeros((len(embeddings), self.dimension), np.float32)


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return scaled
