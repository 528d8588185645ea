"""How much each block of a vector says: of what a picture shows, and of what a text means."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.encoders.heads import unit
from indexer.types import Floats

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ASIDE = frozenset(
    {"a", "an", "the", "some", "and", "or", "is", "are", "of", "in", "on", "at", "to", "by", "for", "from", "with"}
    | {"its", "his", "her", "their", "photo", "photograph", "picture", "image"}
)
"""Words that name nothing to be seen."""
_SENTENCE = 3
"""Words that name something, from which on a text counts as a sentence."""


@dataclass(frozen=True)
class Blend:
    """Shares of the blocks by name, of any sum. A classifier's classes are better at a single name and training on
    captions at sentences, so texts of one word and of several are weighted apart, those of two words in between."""

    pictures: Mapping[str, float]
    """Of the inner product of two pictures' vectors."""
    word: Mapping[str, float]
    """Of that of a picture and a text of one word."""
    sentence: Mapping[str, float]
    """Of that of a picture and a text of three words and more."""

    @classmethod
    def even(cls, blocks: Sequence[str]) -> "Blend":
        """The same for every block."""
        same = dict.fromkeys(blocks, 1.0)
        return cls(same, same, same)

    def join_pictures(self, blocks: Mapping[str, Floats]) -> Floats:
        """Blocks [n, d1], [n, d2], ... with rows of unit norm -> unit-norm [n, d1 + d2 + ...]."""
        # Lengths are roots, so that inner products add up by the shares.
        return _joined([block * np.sqrt(self.pictures[name]) for name, block in blocks.items()])

    def join_texts(self, blocks: Mapping[str, Floats], texts: Sequence[str]) -> Floats:
        """The same for texts."""
        short = np.array([brevity(text) for text in texts], np.float32)[:, None]
        scaled = []
        for name, block in blocks.items():
            share = self.word[name] ** short * self.sentence[name] ** (1 - short)
            scaled.append(block * share / np.sqrt(self.pictures[name]))
        return _joined(scaled)


def brevity(text: str) -> float:
    """1 for a text of one word that names something (or none), 0 for three and more, .5 for two."""
    named = sum(word.lower() not in _ASIDE for word in _WORD.findall(text))
    return (_SENTENCE - min(max(named, 1), _SENTENCE)) / (_SENTENCE - 1)


def _joined(blocks: Sequence[Floats]) -> Floats:
    return unit(np.concatenate(blocks, axis=1, dtype=np.float32))
