"""The candidates that a job has made, ranked: by its prompt, their parent, and a person's taste or how they look."""

from collections.abc import Sequence

import numpy as np

from indexer.errors import EncoderError
from indexer.job_tables import DONE
from indexer.types import Floats
from search.engine import Engine
from search.query import Term, Text
from search.snapshot import Snapshot
from search.subjects import Subjects
from search.taste.personal import appeal
from search.taste.tastes import Tastes
from tuner.candidates import Candidate, rank
from tuner.jobs.book import ANYONE
from tuner.jobs.job import Item, Job
from tuner.operations import get_operation

WELL_MADE = "a beautiful photograph, sharp and well composed"
BADLY_MADE = "an ugly picture, blurred and badly composed"
"""How well a picture is made is told by which of these it is nearer to."""


def has_candidates(job: Job) -> bool:
    """Whether outcomes of a job can be ranked: those of operations that generate."""
    return get_operation(job.operation).generates


def ranking(engine: Engine, job: Job, items: Sequence[Item], tastes: Tastes | None = None) -> list[Candidate]:
    """What a job has made so far, best first, of each of its pictures in turn; nothing for jobs that don't generate.

    The taste is the job's owner's, where `tastes` are given and anything is known of it. What isn't in the index any
    more is left out.
    """
    snapshot = engine.snapshot()
    if snapshot is None or not has_candidates(job):
        return []
    made: dict[int | None, list[int]] = {}
    for item in items:
        if item.state == DONE and item.outcome is not None and snapshot.vector(item.outcome) is not None:
            made.setdefault(item.picture, []).append(item.outcome)
    judge = _Judge(engine, snapshot, job, tastes)
    return [one for parent, ids in made.items() for one in rank(ids, judge.parts(ids, parent))]


class _Judge:
    """What the encoder says of outcomes of one job."""

    def __init__(self, engine: Engine, snapshot: Snapshot, job: Job, tastes: Tastes | None) -> None:
        self.snapshot, self.job, self.tastes = snapshot, job, tastes
        self.subjects = Subjects(engine.collection, cached=True)

    def parts(self, ids: Sequence[int], parent: int | None) -> dict[str, Floats]:
        vectors = np.stack([vector for id in ids if (vector := self.snapshot.vector(id)) is not None])
        parts: dict[str, Floats] = {}
        origin = self.snapshot.vector(parent) if parent is not None else None
        if origin is not None:
            parts["likeness"] = vectors @ origin
        try:
            prompt = str(self.job.parameters.get("prompt") or "")
            if prompt:
                parts["text"] = vectors @ self._text(prompt)
            parts |= self._taste(vectors) or {"aesthetic": vectors @ (self._text(WELL_MADE) - self._text(BADLY_MADE))}
        except EncoderError:  # of an index whose encoder can't be had now: the rest is still told
            pass
        return parts

    def _text(self, text: str) -> Floats:
        return self.subjects.vector(self.snapshot, Term(Text(text)))

    def _taste(self, vectors: Floats) -> dict[str, Floats]:
        if self.tastes is None or self.job.owner == ANYONE:
            return {}
        view = self.tastes.over(self.snapshot)
        taste = self.tastes.of(self.job.owner, view)
        if not taste.active and not len(taste.disliked):
            return {}
        return {"taste": appeal(view, taste, vectors)}
