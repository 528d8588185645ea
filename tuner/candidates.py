"""Candidates of one outcome, ranked by what the encoder says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.types import Floats

WEIGHTS = {"text": 1.0, "likeness": 0.5, "taste": 0.5, "aesthetic": 0.25}
"""What each part counts: the prompt first; then that it has stayed near its parent, and what the person likes; how
well a picture is made least, of which encoders know the least."""
_SAYS = {
    "text": ("shows more of the prompt", "shows less of the prompt"),
    "likeness": ("stays nearer to its parent", "goes further from its parent"),
    "taste": ("more to their taste", "less to their taste"),
    "aesthetic": ("looks better made", "looks worse made"),
}
_NOTICEABLE = 0.5
"""Deviations from the mean of the candidates that are worth a word."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several outcomes; `score` is in standard deviations, 0 for what is as good as the mean."""

    outcome: int
    score: float
    parts: Mapping[str, float]
    """Each part's own figure: cosines, or the appeal to a person in -1..1."""
    why: str
    """What sets it apart from the others."""


def rank(ids: Sequence[int], parts: Mapping[str, Floats]) -> list[Candidate]:
    """Candidates, best first; what is equal stays in the order given.

    `parts` are names of WEIGHTS, each with a figure [n] for every candidate, where more is better. Figures are made
    alike by their mean and standard deviation over the candidates, and weighted; a part in which all are equal says
    nothing.
    """
    if not ids:
        return []
    names = [name for name in WEIGHTS if name in parts]
    standard = {name: _standard(np.asarray(parts[name], np.float32)) for name in names}
    whole = sum(WEIGHTS[name] for name in names) or 1.0
    scores = sum((WEIGHTS[name] * standard[name] for name in names), np.zeros(len(ids), np.float32)) / whole
    return [
        Candidate(
            ids[place],
            round(float(scores[place]), 4),
            {name: round(float(parts[name][place]), 4) for name in names},
            _why({name: float(standard[name][place]) for name in names}),
        )
        for place in np.argsort(-scores, kind="stable")
    ]


def _standard(figures: Floats) -> Floats:
    spread = float(figures.std())
    return np.asarray((figures - figures.mean()) / spread, np.float32) if spread > 1e-6 else np.zeros_like(figures)


def _why(standard: Mapping[str, float]) -> str:
    told = [_SAYS[name][value < 0] for name, value in standard.items() if abs(value) >= _NOTICEABLE]
    return ", ".join(told) or "much like the others"
