"""Query -> Results: filters, searches, judges the scores, looks the pictures up."""

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from indexer.collection import Collection
from indexer.errors import BusyError, NotFoundError, UsageError
from indexer.types import Floats, Hits, Ids
from search.allowed import Allowed, Descendants, allowed, no_descendants
from search.cutoff import Background
from search.formula import Formula
from search.history import History
from search.lineage import parents_of
from search.order import Ranking
from search.query import Box, PictureFile, PictureId, Query, Term, parse
from search.snapshot import Snapshot, take
from search.subjects import Subjects
from search.tags.book import tag_names
from search.tags.imported import refresh_imported

MAX_K = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """One picture found; `percentile` in 0..1 is its place among the collection's scores for this query."""

    id: int
    path: str
    score: float
    percentile: float
    verdict: str
    tags: tuple[str, ...] = ()
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """An answer, best first. `total` counts all matches (an estimate above 2,048 pictures)."""

    query: str
    encoder: str | None
    notice: str | None
    took_ms: float
    total: int
    results: tuple[Result, ...]

    def as_dict(self) -> dict[str, Any]:
        """The search result of the interface."""
        return asdict(self)


class Engine:
    """Answers queries over one collection; safe to share between threads."""

    def __init__(
        self, collection: Collection, index: int | None = None, *, descendants: Descendants = no_descendants
    ) -> None:
        """Of the index that answers; with the id of an `index`, of that one, and then no query is remembered,
        and none is answered from the cache: such an engine is there to measure. `descendants` gives the concepts
        below one, which a filter for its tag allows too."""
        self.collection, self._index, self.descendants = collection, index, descendants
        self._subjects = Subjects(collection, cached=index is None)
        self._history = History(collection.settings) if index is None else None
        self._snapshot: Snapshot | None = None
        self._renewing = Lock()

    def search(
        self,
        query: Query | str,
        *,
        k: int = 20,
        show_all: bool = False,
        without: int | None = None,
        local_files: bool = True,
        ranking: Ranking | None = None,
    ) -> Results:
        """The k best pictures; those below the cut-off only with `show_all`; never the picture `without`; in the
        order of a `ranking` where one is given.

        Without `local_files`, a query may name files only if they are in the collection: what comes
        over the network must not read this machine's disk.
        Raises UsageError (empty query, k out of range), NotFoundError, PictureError for a query
        picture that can't be read, EncoderError, HomeError.
        """
        started = time.perf_counter()
        if not 1 <= k <= MAX_K:
            raise UsageError(f"k is {k}: ask for 1 to {MAX_K} pictures.")
        query = parse(query) if isinstance(query, str) else query
        query = query if local_files else self._indexed_only(query)
        snapshot = self.snapshot()
        if snapshot is None or not snapshot.count:
            self._refuse_unknown_ids(query)
            return Results(str(query), snapshot.index.encoder if snapshot else None, None, took_ms(started), 0, ())
        allowed = self._allowed(snapshot, query)
        if query.terms or allowed.rows is None:
            shown, total = self._ranked(snapshot, query, allowed.rows, k, without, show_all, ranking)
        else:
            shown, total = self._listed(snapshot, allowed.rows, k, without, ranking)
        said = (self.collection.notice(snapshot.index.encoder) if query.terms else None, *allowed.notices)
        notice = " ".join(filter(None, said)) or None
        if self._history:
            self._history.add(query)
        return Results(str(query), snapshot.index.encoder, notice, took_ms(started), total, tuple(shown))

    def similar(self, picture: int | Path, *, k: int = 20, box: Box | None = None, show_all: bool = False) -> Results:
        """The k pictures most like one of the collection or a file, or like a part of it; not itself."""
        if isinstance(picture, Path):
            found = self.collection.catalog.find(path=picture.absolute())
            if found is None:
                return self.search(Query((Term(PictureFile(picture, box)),)), k=k, show_all=show_all)
            picture = found
        return self.search(Query((Term(PictureId(picture, box)),)), k=k, show_all=show_all, without=picture)

    def snapshot(self) -> Snapshot | None:
        """The collection as it is now; None where nothing is indexed."""
        with self._renewing:
            if self._snapshot is None and self._index is None:
                with suppress(BusyError):  # then the next one to look brings them up to date
                    refresh_imported(self.collection)
            self._snapshot = take(self.collection, self._snapshot, self._index)
            return self._snapshot

    def matching(self, query: Query, *, show_all: bool = False, local_files: bool = True) -> Ids:
        """Ids of all pictures that match, in no order: what `search` would give with a k that is large enough.
        Raises what `search` raises."""
        query = query if local_files else self._indexed_only(query)
        snapshot = self.snapshot()
        if snapshot is None or not snapshot.count:
            self._refuse_unknown_ids(query)
            return np.empty(0, np.int64)
        rows = self._allowed(snapshot, query).rows
        rows = snapshot.living() if rows is None else rows
        if query.terms and not show_all:
            formula = self._formula(snapshot, query)
            rows = rows[formula.background(snapshot).matching(formula.scores_of(snapshot.vectors, rows))]
        return snapshot.ids[rows]

    def _allowed(self, snapshot: Snapshot, query: Query) -> Allowed:
        if not query.filters:
            return Allowed(None)
        with self.collection.catalog.database.read() as connection:
            return allowed(connection, snapshot, query.filters, self.descendants)

    def _formula(self, snapshot: Snapshot, query: Query) -> Formula:
        parts = [(term.weight, self._subjects.vector(snapshot, term)) for term in query.terms]
        return Formula.of(snapshot, parts)

    def _listed(
        self, snapshot: Snapshot, rows: Ids, k: int, without: int | None, ranking: Ranking | None
    ) -> tuple[list[Result], int]:
        """What filters alone allow, newest first: everything matches as well as can be."""
        rows = rows[snapshot.ids[rows] != without] if without is not None else rows
        newest = rows[np.argsort(-snapshot.ids[rows])[: ranking.depth(k) if ranking else k]]
        hits = Hits(newest, np.ones(len(newest), np.float32))
        if ranking:
            hits = ranking.ranked(snapshot, hits, Background.of(hits.scores, snapshot.count))
        hits = Hits(hits.rows[:k], hits.scores[:k])
        return self._results(snapshot, hits, hits.scores, ["strong"] * len(hits.rows)), len(rows)

    def _ranked(
        self,
        snapshot: Snapshot,
        query: Query,
        rows: Ids | None,
        k: int,
        without: int | None,
        show_all: bool,
        ranking: Ranking | None,
    ) -> tuple[list[Result], int]:
        """The k best of the allowed rows, judged by the scores of the collection at large, and how many match."""
        formula = self._formula(snapshot, query)
        background = formula.background(snapshot)
        wanted = k + (without is not None)
        hits = formula.best(snapshot, ranking.depth(wanted) if ranking else wanted, rows)
        hits = ranking.ranked(snapshot, hits, background) if ranking else hits
        results = self._results(snapshot, hits, background.percentile(hits.scores), background.verdicts(hits.scores))
        shown = [one for one in results if one.id != without and (show_all or one.verdict != "no match")][:k]
        if show_all:
            return shown, snapshot.count if rows is None else len(rows)
        matches = background.matches() if rows is None else formula.count(snapshot, rows, background)
        return shown, max(matches, len(shown))

    def _results(self, snapshot: Snapshot, hits: Hits, percentiles: Floats, verdicts: list[str]) -> list[Result]:
        ids = [int(id) for id in snapshot.ids[hits.rows]]
        paths = self.collection.catalog.paths(ids)
        with self.collection.catalog.database.read() as connection:
            tags, parents = tag_names(connection, ids), parents_of(connection, ids)
        return [
            Result(
                id,
                paths[id],
                round(float(score), 6),
                round(float(percentile), 6),
                verdict,
                tags.get(id, ()),
                parents.get(id),
            )
            for id, score, percentile, verdict in zip(ids, hits.scores, percentiles, verdicts, strict=True)
            if id in paths
        ]

    def _indexed_only(self, query: Query) -> Query:
        """The query with each file replaced by the picture of the collection that it holds."""
        terms = []
        for term in query.terms:
            if isinstance(term.subject, PictureFile):
                id = self.collection.catalog.find(path=term.subject.path)
                if id is None:
                    raise NotFoundError(f"{term.subject.path} is not in the collection: upload the picture instead.")
                term = Term(PictureId(id, term.subject.box), term.weight)
            terms.append(term)
        return Query(tuple(terms), query.filters)

    def _refuse_unknown_ids(self, query: Query) -> None:
        for term in query.terms:
            if isinstance(term.subject, PictureId):
                self.collection.catalog.picture(term.subject.id)


def took_ms(started: float) -> float:
    """Milliseconds since a moment of `time.perf_counter`, to the hundredth."""
    return round((time.perf_counter() - started) * 1000, 2)
