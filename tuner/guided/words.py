"""The look that a prompt asks for: what is known of its words, and for the others what moves the picture's embedding
the way they point."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.guided.axes import AXES, MATRIX
from tuner.guided.lexicon import Reading, read_prompt
from tuner.guided.looks import MOST, Look
from tuner.guided.sketch import Sketch
from tuner.raster import Raster, reduced
from tuner.work import Pictures, Work

SIDE = 224
"""Longer side in pixels of the copy that the encoder looks at."""
DRIFT = 0.75
"""Least cosine of the embeddings of picture and outcome, at strength 1."""
_ROUNDS, _ROUNDS_PREVIEW, _POPULATION, _ELITE = 12, 2, 12, 4
_AT_ONCE = 4
_SPREAD, _FURTHEST = 0.5, 0.8
"""Deviation of the first tries along each axis, and how far a search goes along one at most."""
_PRICE = 0.05
"""Cosine that a search gives up for a step of 1 along one axis."""
_NEUTRAL, _TEMPLATE = "a photograph", "a {} photograph"


@dataclass(frozen=True, slots=True)
class Worded:
    """A look found for a prompt."""

    look: Look
    reading: Reading
    cosine: float | None
    """Of picture and outcome, by the collection's encoder; None where there is none."""
    agreement: float | None
    """Cosine of the picture's move with the direction of what wasn't known; None where all was."""


def words_look(picture: Raster, prompt: str, work: Work) -> Worded:
    """The look that a prompt asks for, as strong as it asks.

    Words that name a look come from the table of `lexicon`. Where fragments are left, the look is searched on along its
    axes: the picture's embedding shall move along E(text) - E(neutral text), the directional loss of StyleGAN-NADA
    (Gal et al. 2021), with a price on large numbers; 144 tables are tried on a copy of SIDE pixels, the same for the
    same seed. A look that takes the embedding further than DRIFT allows is made weaker. UsageError without an index,
    StoppedError.
    """
    pictures = work.pictures
    work.step(0, _ROUNDS, "reading the words")
    reading = read_prompt(prompt, pictures.meanings if pictures else None)
    look = Look(reading.numbers)
    if pictures is None:
        return Worded(look, reading, None, None)
    sketch = Sketch(reduced(picture, SIDE))
    agreement = None
    if reading.unknown:
        look, agreement = _searched(sketch, look, ", ".join(reading.unknown), pictures, work)
    look, cosine = _within_drift(sketch, look, pictures, work)
    return Worded(look, reading, cosine, agreement)


def _searched(sketch: Sketch, look: Look, text: str, pictures: Pictures, work: Work) -> tuple[Look, float]:
    """The look moved on along the axes by the cross-entropy method (Rubinstein 1999), with the cosine reached."""
    wanted, neutral = pictures.texts([_TEMPLATE.format(text), _NEUTRAL])
    direction = wanted - neutral
    start = pictures.vectors([sketch.under(look.numbers)])[0]

    def worth(places: Floats) -> Floats:
        moved = pictures.vectors([sketch.under(_numbers(look, one)) for one in places]) - start
        lengths = np.linalg.norm(moved, axis=1) * np.linalg.norm(direction)
        agreed: Floats = moved @ direction / np.maximum(lengths, 1e-6)
        priced: Floats = agreed - np.float32(_PRICE) * np.square(places).sum(1)
        return priced

    best, value = _cross_entropy(worth, work)
    return Look(_numbers(look, best)), float(value + _PRICE * np.square(best).sum())


def _cross_entropy(worth: Callable[[Floats], Floats], work: Work) -> tuple[Floats, float]:
    """The best places [axes] that are found, and their worth."""
    random = np.random.default_rng(work.seed)
    rounds = _ROUNDS_PREVIEW if work.preview else _ROUNDS
    mean, spread = np.zeros(len(AXES)), np.full(len(AXES), _SPREAD)
    best, most = np.zeros(len(AXES), np.float32), -np.inf
    for turn in range(rounds):
        drawn = mean + spread * random.standard_normal((_POPULATION, len(AXES)))
        tried = np.clip(drawn, -_FURTHEST, _FURTHEST).astype(np.float32)
        values = []
        for first in range(0, _POPULATION, _AT_ONCE):
            work.step(turn * _POPULATION + first, rounds * _POPULATION, "looking for the words")
            values.append(worth(tried[first : first + _AT_ONCE]))
        found = np.concatenate(values)
        order = np.argsort(-found, kind="stable")
        if found[order[0]] > most:
            best, most = tried[order[0]], float(found[order[0]])
        elite = tried[order[:_ELITE]]
        mean, spread = 0.3 * mean + 0.7 * elite.mean(0), 0.3 * spread + 0.7 * elite.std(0)
    return best, most


def _numbers(look: Look, places: Floats) -> Floats:
    numbers: Floats = np.clip(look.numbers + places @ MATRIX, -MOST, MOST)
    return numbers


def _within_drift(sketch: Sketch, look: Look, pictures: Pictures, work: Work) -> tuple[Look, float]:
    """The look, halved in steps until the outcome's embedding is near enough to the picture's."""
    start = pictures.vectors([sketch.under(np.zeros_like(look.numbers))])[0]
    share = 1.0
    while True:
        work.step(0, 1, "comparing")
        weaker = look.scaled(share)
        cosine = float(pictures.vectors([sketch.under(weaker.numbers)])[0] @ start)
        if cosine >= DRIFT or share < 0.2:
            break
        share *= 0.8
    if share < 1:
        work.note(f"The look was made weaker ({share:.0%}): in full the picture would no longer be taken for itself.")
    return weaker, cosine
