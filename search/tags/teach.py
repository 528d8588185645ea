"""Teach a tag from a handful of clicks, and keep what was taught up to date."""

import time
from collections.abc import Container
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from indexer.types import Floats
from search.engine import Engine, took_ms
from search.prompts import class_vectors
from search.snapshot import Snapshot
from search.subjects import Subjects
from search.tags.effective import pictures_with
from search.tags.labels import (
    Clicks,
    Labels,
    all_labels,
    enter,
    find_tag,
    labels_of,
    made_tag,
    merges,
    root,
    tags,
    take_turn,
)
from search.tags.lesson import THRESHOLD, Lesson, chances_of, labelled_rows, learn, recipe
from search.tags.names import Tag
from search.tags.probes import (
    Stored,
    erase,
    extend,
    keep,
    mark,
    stored_probe,
    stored_probes,
    with_pictures,
)
from search.tags.rows import key_of, spelt

NONE = Clicks()
_GROWTH = 1.5
"""A probe is trained anew when its collection has grown by this: probabilities depend on the collection."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What is known of a taught tag, after a call: `pictures` have it; `precision` is what share of those that nobody
    labelled is expected to be right (see Lesson); `best` are the likeliest that nobody labelled, with probabilities."""

    tag: str
    yes: tuple[int, ...]
    no: tuple[int, ...]
    pictures: int
    precision: float | None
    threshold: float
    best: tuple[tuple[int, float], ...]
    next: tuple[int, ...]
    took_ms: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        best = [{"id": id, "probability": probability} for id, probability in self.best]
        return asdict(self) | {"yes": list(self.yes), "no": list(self.no), "best": best, "next": list(self.next)}


def teach(engine: Engine, name: str, clicks: Clicks = NONE) -> Taught:
    """Add what `clicks` say to what was said of a tag before, train it, give it to the pictures that it fits, and say
    how it stands; without any clicks, only say how it stands, which for a name that nobody taught is what the name
    alone finds. A tag that is merged into another teaches that one.

    The labels are committed first: should the process end before the rest is, `bring_up_to_date` does it.
    Raises UsageError for an empty or too long name, a forbidden tag, a picture in two lists; NotFoundError for a
    picture that isn't in the collection; EncoderError where the name can't be embedded; HomeError.
    """
    started = time.perf_counter()
    clicks.check()
    key_of(name)
    collection, snapshot = engine.collection, engine.snapshot()
    with collection.catalog.database.read() as connection:
        tag = find_tag(connection, name) or Tag(0, spelt(name), None, False, None, {})
    _refuse_forbidden(tag)
    if snapshot is None or not snapshot.count:
        if clicks:
            raise NotFoundError("Nothing is indexed: `pixloom index FOLDER` first, then teach tags.")
        return Taught(tag.name, (), (), 0, None, THRESHOLD, (), (), took_ms(started))
    vector = name_vector(collection, snapshot, tag.name)  # before anything is written: the model may not be here
    if clicks:
        with collection.catalog.database.write() as connection:
            take_turn(connection)
            tag = made_tag(connection, name)
            _refuse_forbidden(tag)
            enter(connection, tag, clicks)
            mark(connection, tag.id)
    labels, lesson = _settle(collection, snapshot, tag, vector)
    with collection.catalog.database.read() as connection:
        having = pictures_with(connection, [tag.id])  # by whatever source
    pictures = len(np.intersect1d(having, snapshot.ids[snapshot.living()]))
    yes, no = (tuple(sorted(id for id, positive in labels.items() if positive == said)) for said in (True, False))
    found = (lesson.precision, lesson.threshold, lesson.best, lesson.next)
    return Taught(tag.name, yes, no, pictures, *found, took_ms(started))


def bring_up_to_date(collection: Collection, snapshot: Snapshot) -> int:
    """Train every taught tag anew whose labels, name, threshold or index have changed or whose collection has grown by
    half, and apply the others to the rows of the index that they have not seen; how many tags were touched. Tags that
    pictures were only given by hand are not taught.

    One transaction for each tag, so that nothing is lost by a stop. Needs the encoder only where a tag is trained whose
    name it has not embedded before.
    """
    if not snapshot.count:
        return 0
    database = collection.catalog.database
    with database.read() as connection:
        labels, probes, known = all_labels(connection), stored_probes(connection), merges(connection)
        taught = {root(id, known) for id in probes} & labels.keys()
        # Of a tag that was merged away, there may be nothing left but what it gave.
        taught |= with_pictures(connection, sorted(labels.keys() - taught))
        wanted = [tag for tag in tags(connection, taught) if not tag.forbidden]
    orphans = sorted(probes.keys() - taught)
    if orphans:
        with database.write() as connection:
            take_turn(connection)
            erase(connection, orphans)
    touched = len(orphans)
    found = labelled_rows(snapshot, {picture for id in taught for picture in labels[id]})
    for tag in wanted:
        probe = probes.get(tag.id)
        if probe is None or _stale(snapshot, probe, tag, labels[tag.id], found):
            vector = name_vector(collection, snapshot, tag.name)
            if probe is None:
                with database.write() as connection:
                    take_turn(connection)
                    mark(connection, tag.id)
            _settle(collection, snapshot, tag, vector)
            touched += 1
        elif probe.rows < len(snapshot.ids):
            touched += _apply(collection, snapshot, probe, labels[tag.id])
    return touched


def name_vector(collection: Collection, snapshot: Snapshot, name: str) -> Floats:
    """What the encoder of the snapshot's index makes of a tag's name: the unit-norm mean [d] of its prompts, from the
    cache where it was asked before. Raises EncoderError where that encoder can't be had."""
    subjects = Subjects(collection, cached=True)
    return subjects.kept(snapshot, f"tag:{name}", lambda encoder: class_vectors([[name]], encoder)[0])


def _settle(collection: Collection, snapshot: Snapshot, tag: Tag, name: Floats) -> tuple[Labels, Lesson]:
    """Train a tag and, where it is a taught one, store what comes of it, from the labels as they are when that is
    committed."""
    database = collection.catalog.database
    with database.read() as connection:
        labels = labels_of(connection, tag.id)
    while True:
        # Learned outside the transaction, so that nobody waits for it; again where more was said meanwhile.
        lesson = learn(snapshot, tag, labels, name)
        found = labelled_rows(snapshot, labels)
        if not tag.id:
            return labels, lesson
        with database.read() as connection:
            stored = stored_probes(connection, tag.id).get(tag.id)
        if stored is None or _settled(snapshot, stored, tag, labels, found):
            return labels, lesson
        with database.write() as connection:
            take_turn(connection)
            now = labels_of(connection, tag.id)
            if now == labels:
                if labels:
                    keep(connection, snapshot, tag.id, recipe(snapshot, tag, labels, found), lesson, labels)
                else:
                    erase(connection, [tag.id])
                return labels, lesson
            labels = now


def _apply(collection: Collection, snapshot: Snapshot, probe: Stored, labels: Labels) -> bool:
    """Give a tag to those pictures that came since its probe looked; False where it was trained anew meanwhile."""
    with collection.catalog.database.read() as connection:
        found = stored_probe(connection, probe.tag)
    if found is None or found[0] != probe:
        return False
    _, weights, odds, threshold = found
    tagged: dict[int, float] = {}
    if any(labels.values()):
        tagged = chances_of(snapshot, weights, odds, threshold, probe.rows)
    with collection.catalog.database.write() as connection:
        take_turn(connection)
        return extend(connection, probe, len(snapshot.ids), {id: p for id, p in tagged.items() if id not in labels})


def _stale(snapshot: Snapshot, probe: Stored, tag: Tag, labels: Labels, found: Container[int]) -> bool:
    grown = len(snapshot.ids) >= _GROWTH * probe.trained_on
    return grown or probe.recipe != recipe(snapshot, tag, labels, found)


def _settled(snapshot: Snapshot, probe: Stored, tag: Tag, labels: Labels, found: Container[int]) -> bool:
    return probe.rows >= len(snapshot.ids) and not _stale(snapshot, probe, tag, labels, found)


def _refuse_forbidden(tag: Tag) -> None:
    if tag.forbidden:
        raise UsageError(f"The tag {tag.name!r} is forbidden: allow it first, with `pixloom tag allow {tag.name!r}`.")
