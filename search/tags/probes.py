"""Taught tags in the catalogue: their probes, and the pictures that have them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from indexer.tables import Base
from indexer.tag_tables import TAUGHT, PictureTagRow, TagProbeRow
from search.snapshot import Snapshot
from search.tags.labels import Labels
from search.tags.lesson import Lesson
from search.tags.odds import Odds
from search.tags.probe import Probe

_PROBE, _HAS = (Base.metadata.tables[row.__tablename__] for row in (TagProbeRow, PictureTagRow))
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """What the catalogue knows of a probe without its weights."""

    tag: int
    recipe: str
    """What it was made of: see search.tags.lesson.recipe."""
    rows: int
    """Rows of the index that it was applied to."""
    trained_on: int
    """Rows that there were when it was trained."""
    trained_at: datetime


def stored_probes(connection: Connection, only: int | None = None) -> dict[int, Stored]:
    """Tag -> its probe; of `only` that tag where it is given."""
    query = select(_PROBE.c.tag_id, _PROBE.c.figures, _PROBE.c.trained_at)
    query = query if only is None else query.where(_PROBE.c.tag_id == only)
    return {row.tag_id: _stored(row) for row in connection.execute(query)}


def stored_probe(connection: Connection, tag: int) -> tuple[Stored, Probe, Odds, float] | None:
    """A tag's probe with its weights, its odds and the probability from which pictures get the tag."""
    row = connection.execute(select(_PROBE).where(_PROBE.c.tag_id == tag)).one_or_none()
    if row is None:
        return None
    probe = Probe(np.frombuffer(row.weights, "<f4").astype(np.float32), row.figures["bias"])
    return _stored(row), probe, Odds(**row.figures["odds"]), row.figures["threshold"]


def mark(connection: Connection, tag: int) -> None:
    """Note that a tag is taught from now on; it is trained by whoever comes next."""
    if connection.scalar(select(_PROBE.c.tag_id).where(_PROBE.c.tag_id == tag)) is None:
        figures = {"recipe": "", "rows": 0, "trained_on": 0}
        at = datetime.now(UTC).replace(tzinfo=None)
        values = {"fingerprint": "", "weights": b"", "figures": figures, "trained_at": at}
        connection.execute(insert(_PROBE).values(tag_id=tag, **values))


def with_pictures(connection: Connection, tags: Sequence[int]) -> set[int]:
    """Those of some tags that pictures have by being taught."""
    found = set[int]()
    for start in range(0, len(tags), _AT_ONCE):
        some = _HAS.c.tag_id.in_(tags[start : start + _AT_ONCE])
        found |= set(connection.scalars(select(_HAS.c.tag_id).where(some, _HAS.c.source == TAUGHT).distinct()))
    return found


def keep(connection: Connection, snapshot: Snapshot, tag: int, recipe: str, lesson: Lesson, labels: Labels) -> None:
    """Put a tag's probe in the place of the one before, and give the tag to its pictures and to no others."""
    figures = {
        "bias": lesson.probe.bias,
        "odds": asdict(lesson.odds),
        "threshold": lesson.threshold,
        "precision": lesson.precision,
        "recipe": recipe,
        "rows": len(snapshot.ids),
        "trained_on": len(snapshot.ids),
    }
    connection.execute(delete(_PROBE).where(_PROBE.c.tag_id == tag))
    values = {"fingerprint": snapshot.index.fingerprint, "weights": lesson.probe.weights.astype("<f4").tobytes()}
    at = datetime.now(UTC).replace(tzinfo=None)
    connection.execute(insert(_PROBE).values(tag_id=tag, figures=figures, trained_at=at, **values))
    said = {id: 1.0 for id, positive in labels.items() if positive}
    _give(connection, tag, lesson.tagged | said)


def extend(connection: Connection, probe: Stored, rows: int, tagged: dict[int, float]) -> bool:
    """Give a tag to new pictures, and note how many rows its probe has seen; False where the probe is another now."""
    row = connection.execute(select(_PROBE).where(_PROBE.c.tag_id == probe.tag)).one_or_none()
    if row is None or _stored(row) != probe:
        return False
    given, ids = set[int](), list(tagged)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        given |= set(connection.scalars(_of(probe.tag).where(_HAS.c.picture_id.in_(some))))
    _insert(connection, probe.tag, {id: chance for id, chance in tagged.items() if id not in given})
    figures = row.figures | {"rows": rows}
    connection.execute(update(_PROBE).where(_PROBE.c.tag_id == probe.tag).values(figures=figures))
    return True


def erase(connection: Connection, tags: Iterable[int]) -> None:
    """Drop the probes of tags, and take what they taught from all pictures; labels stay."""
    for tag in tags:
        connection.execute(delete(_PROBE).where(_PROBE.c.tag_id == tag))
        connection.execute(delete(_HAS).where(_HAS.c.tag_id == tag, _HAS.c.source == TAUGHT))


def _give(connection: Connection, tag: int, wanted: dict[int, float]) -> None:
    """Make the tag's taught rows these, writing only what differs."""
    query = _of(tag).add_columns(_HAS.c.probability)
    there = {row.picture_id: row.probability for row in connection.execute(query)}
    gone = [id for id in there if id not in wanted]
    for start in range(0, len(gone), _AT_ONCE):
        some = _HAS.c.picture_id.in_(gone[start : start + _AT_ONCE])
        connection.execute(delete(_HAS).where(_HAS.c.tag_id == tag, _HAS.c.source == TAUGHT, some))
    changed = [{"id": id, "p": p} for id, p in wanted.items() if id in there and there[id] != p]
    if changed:
        one = (_HAS.c.tag_id == tag, _HAS.c.source == TAUGHT, _HAS.c.picture_id == bindparam("id"))
        connection.execute(update(_HAS).where(*one).values(probability=bindparam("p")), changed)
    _insert(connection, tag, {id: p for id, p in wanted.items() if id not in there})


def _insert(connection: Connection, tag: int, tagged: dict[int, float]) -> None:
    if tagged:
        key = {"tag_id": tag, "source": TAUGHT}
        connection.execute(insert(_HAS), [{**key, "picture_id": id, "probability": p} for id, p in tagged.items()])


def _of(tag: int) -> Any:
    return select(_HAS.c.picture_id).where(_HAS.c.tag_id == tag, _HAS.c.source == TAUGHT)


def _stored(row: Any) -> Stored:
    figures = row.figures
    return Stored(row.tag_id, figures["recipe"], figures["rows"], figures["trained_on"], row.trained_at)
