"""The candidates of a job as documents tell of them, the same from the command line and over HTTP."""

from collections.abc import Sequence

from pydantic import BaseModel

from search.engine import Engine
from search.taste.tastes import Tastes
from tuner.jobs.job import Item, Job
from tuner.ranking import ranking


class RankedOut(BaseModel):
    """One candidate: its place from 1 among those of the same `picture` (null where it was made of none); `score` in
    standard deviations from their mean; `parts` the figures it comes from: `text` the cosine with the prompt,
    `likeness` with the parent, `taste` the appeal to the job's owner (-1..1), or `aesthetic` in its place."""

    place: int
    outcome: int
    picture: int | None
    score: float
    parts: dict[str, float]
    why: str


def told(engine: Engine, job: Job, items: Sequence[Item]) -> list[RankedOut]:
    """The candidates of a job, best first, of each of its pictures in turn."""
    parents = {item.outcome: item.picture for item in items}
    places: dict[int | None, int] = {}
    found = []
    for one in ranking(engine, job, items, Tastes(engine)):
        parent = parents[one.outcome]
        places[parent] = places.get(parent, 0) + 1
        found.append(
            RankedOut(
                place=places[parent],
                outcome=one.outcome,
                picture=parent,
                score=one.score,
                parts=dict(one.parts),
                why=one.why,
            )
        )
    return found
