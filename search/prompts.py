"""How names of classes and attributes are put to an encoder."""

from collections.abc import Sequence

import numpy as np

from indexer.types import Encoder, Floats

TEMPLATES = ("{}", "a photo of a {}")
"""A class's vector is the mean over these (prompt ensembling, Radford et al. 2021)."""
PHRASE_TEMPLATES = ("{}", "a photo of {}")
"""The same for phrases that have their article."""
CELEBA = {
    "5_o_Clock_Shadow": "a person with a five o'clock shadow",
    "Arched_Eyebrows": "a person with arched eyebrows",
    "Attractive": "an attractive person",
    "Bags_Under_Eyes": "a person with bags under the eyes",
    "Bald": "a bald person",
    "Bangs": "a person with bangs",
    "Big_Lips": "a person with big lips",
    "Big_Nose": "a person with a big nose",
    "Black_Hair": "a person with black hair",
    "Blond_Hair": "a person with blond hair",
    "Blurry": "a blurry picture of a person",
    "Brown_Hair": "a person with brown hair",
    "Bushy_Eyebrows": "a person with bushy eyebrows",
    "Chubby": "a chubby person",
    "Double_Chin": "a person with a double chin",
    "Eyeglasses": "a person wearing eyeglasses",
    "Goatee": "a person with a goatee",
    "Gray_Hair": "a person with gray hair",
    "Heavy_Makeup": "a person with heavy makeup",
    "High_Cheekbones": "a person with high cheekbones",
    "Male": "a man",
    "Mouth_Slightly_Open": "a person with a slightly open mouth",
    "Mustache": "a person with a mustache",
    "Narrow_Eyes": "a person with narrow eyes",
    "No_Beard": "a person without a beard",
    "Oval_Face": "a person with an oval face",
    "Pale_Skin": "a person with pale skin",
    "Pointy_Nose": "a person with a pointy nose",
    "Receding_Hairline": "a person with a receding hairline",
    "Rosy_Cheeks": "a person with rosy cheeks",
    "Sideburns": "a person with sideburns",
    "Smiling": "a smiling person",
    "Straight_Hair": "a person with straight hair",
    "Wavy_Hair": "a person with wavy hair",
    "Wearing_Earrings": "a person wearing earrings",
    "Wearing_Hat": "a person wearing a hat",
    "Wearing_Lipstick": "a person wearing lipstick",
    "Wearing_Necklace": "a person wearing a necklace",
    "Wearing_Necktie": "a person wearing a necktie",
    "Young": "a young person",
}
"""CelebA's 40 attributes as phrases."""


def class_vectors(classes: Sequence[Sequence[str]], encoder: Encoder) -> Floats:
    """Classes, each by all its names -> the mean of their prompts' vectors, unit norm [n, dimension]."""
    return _means([[one.format(_words(name)) for name in names for one in TEMPLATES] for names in classes], encoder)


def attribute_vectors(attributes: Sequence[str], encoder: Encoder) -> Floats:
    """Attributes by their names, CelebA's as phrases and others as they are -> the same."""
    phrases = [attribute_phrase(name) for name in attributes]
    return _means([[one.format(phrase) for one in PHRASE_TEMPLATES] for phrase in phrases], encoder)


def attribute_phrase(name: str) -> str:
    """`Bushy_Eyebrows` -> `a person with bushy eyebrows`."""
    return CELEBA.get(name, _words(name))


def text_vectors(texts: Sequence[str], encoder: Encoder) -> Floats:
    """n texts -> [n, dimension], some hundreds at a time."""
    parts = [encoder.encode_texts(texts[start : start + 256]) for start in range(0, len(texts), 256)]
    return np.concatenate(parts) if parts else np.zeros((0, encoder.dimension), np.float32)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").lower()


def _means(prompts: Sequence[Sequence[str]], encoder: Encoder) -> Floats:
    vectors = text_vectors([prompt for some in prompts for prompt in some], encoder)
    starts = np.cumsum([0, *(len(some) for some in prompts[:-1])])
    sums = np.add.reduceat(vectors, starts, axis=0)
    unit: Floats = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    return unit
