"""Automatic tags of a whole collection, from the vectors and features that it keeps: no picture is read again."""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import aliased

from indexer.collection import Collection
from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.serial import unwrapped
from indexer.indexes import feature_sets, vector_file
from indexer.meter import Meter
from indexer.reader import write_atomically
from indexer.records import IndexInfo
from indexer.tables import Base
from indexer.tag_tables import MODEL, PictureTagRow, TaggingRow, TagRow
from indexer.types import Encoder, Floats, OnProgress
from search.knowledge.everyday import Everyday
from search.tags.choice import THRESHOLD, Choice
from search.tags.naming import make_scorer
from search.tags.rows import key_of, name_in_languages, tag_ids
from search.tags.scorer import Scorer
from search.tags.vocabulary import Vocabulary, everyday_vocabulary, read_vocabulary, written

BLOCK = 4096
"""Pictures that are scored, and committed, at a time."""
FILE = "vocabulary.jsonl"
"""Of the home folder: the user's own vocabulary, where there is one."""
_VERSION = 1
_PICTURE_TAG = Base.metadata.tables[PictureTagRow.__tablename__]


class Tagger:
    """Keeps the tags of source `model` of one collection up to date. Where the rows of the index end that were looked
    at is committed with their tags, so a run that was stopped goes on from there."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._scorers: dict[tuple[str, str], Scorer] = {}
        self._vocabulary: tuple[int, Vocabulary] | None = None
        self._refreshing = Lock()

    @cached_property
    def everyday(self) -> Everyday:
        """The concepts that ship."""
        return Everyday()

    def vocabulary(self) -> Vocabulary:
        """The names that are given: the user's own, or what ships."""
        own = self.collection.settings.home / FILE
        try:
            mark = own.stat().st_mtime_ns
        except FileNotFoundError:
            mark = 0
        if self._vocabulary is None or self._vocabulary[0] != mark:
            read = read_vocabulary(own, self.everyday) if mark else everyday_vocabulary(self.everyday)
            self._vocabulary = mark, read
        return self._vocabulary[1]

    def use_vocabulary(self, path: Path | None) -> Vocabulary:
        """Take the names of a file in place of those that ship, which None brings back; `refresh` then applies it.

        Raises NotFoundError, UsageError.
        """
        own = self.collection.settings.home / FILE
        if path is None:
            own.unlink(missing_ok=True)
            return self.vocabulary()
        vocabulary = read_vocabulary(path, self.everyday)
        write_atomically(own, written(vocabulary, self.everyday).encode())
        told = {one.names[0]: one for one in vocabulary.concepts if one.translations}
        with self.collection.catalog.database.write() as connection:
            name_in_languages(connection, {name: dict(one.translations) for name, one in told.items()})
        return vocabulary

    def descendants(self, concept: str) -> tuple[str, ...]:
        """Ids of all kinds of a concept, by the vocabulary in use."""
        return self.vocabulary().graph.descendants(concept)

    def above(self, concept: str) -> list[str]:
        """Names of all that a concept is a kind of, the most general first."""
        graph = self.vocabulary().graph
        return [graph[id].names[0] for id in reversed(graph.ancestors(concept))]

    def refresh(self, *, on_progress: OnProgress | None = None, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Bring the tags up to date with index, vocabulary and thresholds; how many pictures were looked at.

        Quick when nothing has changed. Raises EncoderError where the encoder of the index can't be loaded.
        """
        with self._refreshing:
            return self._refresh(on_progress, should_stop)

    def _refresh(self, on_progress: OnProgress | None, should_stop: Callable[[], bool]) -> int:
        index = self.collection.catalog.state().index
        if index is None or not index.rows:
            return 0
        vocabulary = self.vocabulary()
        thresholds = self._thresholds(vocabulary)
        recipe = json.dumps([_VERSION, index.id, str(index.created_at), vocabulary.digest, thresholds])
        start = self._begin(index, recipe)
        if start >= index.rows:
            return 0
        scorer, seen = self._scorer(index, vocabulary, on_progress), 0
        wanted = np.array([thresholds.get(one.id, THRESHOLD) for one in vocabulary.concepts], np.float32)
        choose = Choice(vocabulary, wanted, scorer.unprobed)
        meter = Meter("tag", index.rows - start, on_progress)
        for first in range(start, index.rows, BLOCK):
            if should_stop():
                break
            last = min(first + BLOCK, index.rows)
            ids, probabilities, doubtful = self._scored(index, scorer, first, last)
            if not self._write(recipe, (first, last), ids, choose(probabilities, doubtful), vocabulary):
                break  # somebody else is at it
            seen += last - first
            meter.step(last - first)
        return seen

    def _thresholds(self, vocabulary: Vocabulary) -> dict[str, float]:
        """What the user wants in place of the usual threshold, by concept."""
        tag, stands = aliased(TagRow), aliased(TagRow)
        query = select(tag.key, stands.threshold).join(stands, stands.id == func.coalesce(tag.merged_into, tag.id))
        with self.collection.catalog.database.read() as connection:
            rows = connection.execute(query.where(stands.threshold.is_not(None)))
            wanted = {row.key: float(row.threshold) for row in rows}
        if not wanted:
            return {}
        return {one.id: wanted[key] for one in vocabulary.concepts if (key := key_of(one.names[0])) in wanted}

    def _begin(self, index: IndexInfo, recipe: str) -> int:
        """The row to go on from; the first, with all tags of before dropped, where the recipe is another."""
        with self.collection.catalog.database.read() as connection:
            row = connection.execute(select(TaggingRow.recipe, TaggingRow.rows)).one_or_none()
        if row is not None and row.recipe == recipe:
            return int(row.rows)
        with self.collection.catalog.database.write() as connection:
            connection.execute(delete(_PICTURE_TAG).where(_PICTURE_TAG.c.source == MODEL))
            connection.execute(delete(TaggingRow))
            connection.execute(insert(TaggingRow).values(id=1, index_id=index.id, recipe=recipe, rows=0))
        return 0

    def _scorer(self, index: IndexInfo, vocabulary: Vocabulary, on_progress: OnProgress | None) -> Scorer:
        key = (index.fingerprint, vocabulary.digest)
        if key not in self._scorers:
            encoder = self._encoder(index)
            cache = self.collection.settings.cache
            self._scorers = {key: make_scorer(encoder, vocabulary, self.everyday, cache, on_progress)}
        return self._scorers[key]

    def _encoder(self, index: IndexInfo) -> Encoder:
        """The one whose vectors are scored: over the embedded towers always theirs, whatever heads the index has."""
        encoder = self.collection.encoder(index.encoder, index.fingerprint)
        itself = unwrapped(encoder)
        over_embedded = isinstance(itself, HeadedEncoder) and itself.towers.name == "embedded"
        return self.collection.encoder("embedded") if over_embedded else encoder

    def _scored(
        self, index: IndexInfo, scorer: Scorer, first: int, last: int
    ) -> tuple[list[int], Floats, NDArray[np.bool_]]:
        """Picture ids, and probabilities and doubts [n, names], of rows of the index."""
        file = vector_file(self.collection.settings, index)
        ids, vectors = np.array(file.ids(last)[first:]), np.array(file.vectors(last)[first:])
        shape = len(ids), len(scorer.vocabulary)
        encoder, probabilities, doubtful = scorer.encoder, np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
        has, features = self._features(encoder, ids)
        same = encoder.fingerprint == index.fingerprint
        if has.any():
            assert encoder.tower is not None
            projected = vectors[has] if same else encoder.tower.project(features)
            probabilities[has] = scorer.probabilities(projected, features)
            doubtful[has] = scorer.doubtful(projected)
        if same and not has.all():
            probabilities[~has] = scorer.probabilities(vectors[~has])
        return ids.tolist(), probabilities, doubtful

    def _features(self, encoder: Encoder, ids: Any) -> tuple[Any, Floats]:
        """Which of the pictures have features of the encoder's tower, and those [n, f]."""
        none = np.zeros(len(ids), bool), np.zeros((0, 0), np.float32)
        if encoder.tower is None:
            return none
        with self.collection.catalog.database.read() as connection:
            sets = feature_sets(connection, encoder.tower)
        if not sets:
            return none
        file = vector_file(self.collection.settings, sets[0])
        stored = file.ids(sets[0].rows)
        order = np.argsort(stored, kind="stable")
        places = np.minimum(np.searchsorted(stored, ids, sorter=order), len(stored) - 1)
        rows = order[places]
        has = stored[rows] == ids
        return has, np.asarray(file.vectors(sets[0].rows)[rows[has]], np.float32)

    def _write(
        self,
        recipe: str,
        rows: tuple[int, int],
        ids: list[int],
        chosen: list[list[tuple[int, float]]],
        vocabulary: Vocabulary,
    ) -> bool:
        """Commit the tags of one block; False where another process has got there first."""
        names = sorted({place for tags in chosen for place, _ in tags})
        concepts = [vocabulary.concepts[place] for place in names]
        with self.collection.catalog.database.write() as connection:
            here = connection.execute(select(TaggingRow.recipe, TaggingRow.rows)).one_or_none()
            if here is None or (here.recipe, here.rows) != (recipe, rows[0]):
                return False
            known = tag_ids(connection, [(one.names[0], one.id) for one in concepts])
            values: dict[tuple[int, int], float] = {}
            for id, tags in zip(ids, chosen, strict=True):
                for place, probability in tags:  # two names may lead to one tag, since they were merged
                    key = id, known[key_of(vocabulary.concepts[place].names[0])]
                    values[key] = max(probability, values.get(key, 0.0))
            made = [{"picture_id": id, "tag_id": tag, "probability": p} for (id, tag), p in values.items()]
            if made:
                connection.execute(insert(_PICTURE_TAG).values(source=MODEL), made)
            connection.execute(update(TaggingRow).values(rows=rows[1]))
        return True
