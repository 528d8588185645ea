"""Query -> Results: embeds the parts, searches, judges the scores, looks the pictures up."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from indexer.collection import Collection
from indexer.encoders.cache import QueryCache
from indexer.errors import EncoderError, NotFoundError, PictureError, UsageError
from indexer.images import open_picture, read_file
from indexer.limits import Limits
from indexer.types import Encoder, Floats, Hits
from search.cutoff import Background
from search.history import History
from search.order import Ranking
from search.query import Box, PictureBytes, PictureFile, PictureId, Query, Term, Text, parse
from search.snapshot import Snapshot, take

MAX_K = 10_000
_MINUS_CANDIDATES = 1000
"""Pictures that a minus is held against: the best for what is looked for."""
_MINUS_MARGIN = 0.9
"""A minus costs nothing up to the score that this part of the collection stays below."""


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

    def __init__(self, collection: Collection, index: int | None = None) -> None:
        """Of the index that answers; with the id of an `index`, of that one, and then no query is remembered,
        and none is answered from the cache: such an engine is there to measure."""
        self.collection, self._index = collection, index
        self._cache = QueryCache(collection.settings.cache) if index is None else None
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
            return Results(str(query), snapshot.index.encoder if snapshot else None, None, _ms(started), 0, ())
        wanted = k + (without is not None)
        hits, background = self._rank(snapshot, query, ranking.depth(wanted) if ranking else wanted)
        hits = ranking.ranked(snapshot, hits, background) if ranking else hits
        results = self._results(snapshot, hits, background, without)
        shown = [result for result in results if show_all or result.verdict != "no match"][:k]
        total = snapshot.count if show_all else max(background.matches(), len(shown))
        notice = self.collection.notice(snapshot.index.encoder)
        if self._history:
            self._history.add(query)
        return Results(str(query), snapshot.index.encoder, notice, _ms(started), total, tuple(shown))

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
            self._snapshot = take(self.collection, self._snapshot, self._index)
            return self._snapshot

    def _rank(self, snapshot: Snapshot, query: Query, k: int) -> tuple[Hits, Background]:
        """The k best rows, and the scores of the collection at large, by the same formula."""
        liked = _unit(sum(term.weight * self._embed(snapshot, term) for term in query.terms if term.weight > 0))
        avoided = [(-term.weight, self._embed(snapshot, term)) for term in query.terms if term.weight < 0]
        background = snapshot.background(liked)
        if not avoided:
            return snapshot.search(liked, k), Background.of(background, snapshot.count)
        hits = snapshot.search(liked, max(k, _MINUS_CANDIDATES))
        vectors = snapshot.vectors[hits.rows]
        scores = hits.scores.copy()
        for weight, vector in avoided:
            usual = snapshot.background(vector)
            margin = float(np.quantile(usual, _MINUS_MARGIN))
            scores -= weight * np.maximum(vectors @ vector - margin, 0)
            background = background - weight * np.maximum(usual - margin, 0)
        best = np.argsort(-scores, kind="stable")[:k]
        return Hits(hits.rows[best], scores[best]), Background.of(background, snapshot.count)

    def _results(self, snapshot: Snapshot, hits: Hits, background: Background, without: int | None) -> list[Result]:
        ids = snapshot.ids[hits.rows]
        paths = self.collection.catalog.paths([int(id) for id in ids])
        judged = zip(
            ids, hits.scores, background.percentile(hits.scores), background.verdicts(hits.scores), strict=True
        )
        return [
            Result(int(id), paths[int(id)], round(float(score), 6), round(float(percentile), 6), verdict)
            for id, score, percentile, verdict in judged
            if int(id) in paths and id != without
        ]

    def _embed(self, snapshot: Snapshot, term: Term) -> Floats:
        match term.subject:
            case Text(text):
                return self._cached(snapshot, f"text:{text}", lambda encoder: encoder.encode_texts([text])[0])
            case PictureId(id, None) if (stored := snapshot.vector(id)) is not None:
                return stored
            case PictureId(id, box):  # a part of it, or all of one that the index doesn't have yet
                path = self.collection.catalog.picture(id).file()
                return self._embed_bytes(snapshot, self._read(path), str(path), box)
            case PictureFile(path, box):
                return self._embed_bytes(snapshot, self._read(path.expanduser()), str(path), box)
            case PictureBytes(data, name, box):
                return self._embed_bytes(snapshot, data, name, box)

    def _read(self, path: Path) -> bytes:
        if not path.exists():
            raise NotFoundError(f"There is no file {path}: check the spelling.")
        try:
            return read_file(path, Limits.of(self.collection.settings))
        except PictureError as error:
            raise PictureError(f"{path} can't be used as a query: {error}.") from error

    def _embed_bytes(self, snapshot: Snapshot, data: bytes, name: str, box: Box | None) -> Floats:
        """A picture's vector: the stored one where the collection has this content, otherwise computed."""
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        known = self.collection.catalog.find(hash=digest) if box is None else None
        stored = snapshot.vector(known) if known is not None else None
        if stored is not None:
            return stored

        def encode(encoder: Encoder) -> Any:
            settings = self.collection.settings
            limits = Limits.of(settings)
            try:
                picture = open_picture(data, limits=limits, min_side=None if box else encoder.picture_size)
            except PictureError as error:
                raise PictureError(f"{name} can't be used as a query: {error}.") from error
            image = _crop(picture.image, box, name) if box else picture.image
            return encoder.encode_pictures([encoder.prepare(image)])[0]

        return self._cached(snapshot, f"picture:{digest}:{box}", encode)

    def _cached(self, snapshot: Snapshot, key: str, encode: Callable[[Encoder], Any]) -> Floats:
        """The vector of a query part, from the cache where it was asked before: then no model is loaded."""
        fingerprint = snapshot.index.fingerprint
        vector = self._cache.get(fingerprint, key) if self._cache else None
        if vector is None:
            vector = np.asarray(encode(self._encoder(snapshot)), np.float32)
            if self._cache:
                self._cache.put(fingerprint, key, vector)
        return vector

    def _encoder(self, snapshot: Snapshot) -> Encoder:
        encoder = self.collection.encoder(snapshot.index.encoder, snapshot.index.fingerprint)
        if encoder.fingerprint != snapshot.index.fingerprint:
            raise EncoderError(
                f"The index was made by another version of {snapshot.index.encoder}: "
                "run `pixloom rebuild` to bring it up to date."
            )
        return encoder

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
        return Query(tuple(terms))

    def _refuse_unknown_ids(self, query: Query) -> None:
        for term in query.terms:
            if isinstance(term.subject, PictureId):
                self.collection.catalog.picture(term.subject.id)


def _crop(image: Image.Image, box: Box, name: str) -> Image.Image:
    x, y, width, height = box
    if x >= image.width or y >= image.height:
        raise UsageError(f"The box {list(box)} lies outside {name}, which is {image.width}x{image.height} pixels.")
    return image.crop((x, y, min(x + width, image.width), min(y + height, image.height)))


def _unit(vector: Any) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
