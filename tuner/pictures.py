"""The collection as operations look at it: pictures by reference, alike ones, their vectors and thumbnails."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import select

from indexer.collection import Collection
from indexer.errors import NotFoundError, PictureError, UsageError
from indexer.limits import Limits
from indexer.reader import thumbnail_path
from indexer.tables import PictureRow
from indexer.types import Floats, Ids
from search.engine import Engine
from search.lineage import edited
from search.tags.book import tag_names
from tuner.lineage.opening import open_raster
from tuner.raster import Raster, from_bytes, reduced, to_bytes
from tuner.references import kept_file, picture_id


class CollectionPictures:
    """A `Pictures` of one collection. With `files`, references may be paths too."""

    def __init__(self, collection: Collection, engine: Engine, *, files: bool = False) -> None:
        self.collection, self.engine, self.files = collection, engine, files

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        """The picture that a reference names; NotFoundError, UsageError, PictureError."""
        path = self._path(reference)
        try:
            raster = open_raster(path, Limits.of(self.collection.settings))
        except PictureError as error:
            raise PictureError(f"{reference} can't be used: {error}.") from error
        return reduced(raster, max_side) if max_side else raster

    def similar(self, picture: Raster, k: int) -> list[int]:
        """Ids of the k pictures most like it, best first, edits left out."""
        snapshot = self.engine.snapshot()
        if snapshot is None or not snapshot.count:
            return []
        with self.collection.catalog.database.read() as connection:
            made = edited(connection)
        rows = snapshot.living()
        hits = snapshot.search(self.vectors([picture])[0], k, rows[~np.isin(snapshot.ids[rows], made)])
        return [int(id) for id in snapshot.ids[hits.rows]]

    def find(self, query: str, k: int) -> list[int]:
        """Ids that a line of the query language finds, best first."""
        return [one.id for one in self.engine.search(query, k=k, local_files=False).results]

    def newest(self, k: int) -> list[int]:
        """Ids of the last k pictures that came in, edits left out."""
        with self.collection.catalog.database.read() as connection:
            made = set(edited(connection).tolist())
        return [id for id in self.collection.catalog.newest(k + len(made)) if id not in made][:k]

    def tags(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """Names of the tags of each, the surest first; () where it has none."""
        with self.collection.catalog.database.read() as connection:
            known = tag_names(connection, list(ids))
        return [known.get(id, ()) for id in ids]

    def thumbnails(self, ids: Sequence[int]) -> list[Raster]:
        """Their thumbnails; ids without one are left out."""
        found = []
        for digest in self._hashes(ids):
            try:
                data = thumbnail_path(self.collection.settings, digest).read_bytes()
            except OSError:
                continue
            found.append(from_bytes(np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))))
        return found

    def vectors(self, pictures: Sequence[Raster]) -> Floats:
        """Unit-norm embeddings [n, dimension] by the encoder of the index that answers; UsageError without an index."""
        index = self.collection.catalog.state().index
        if index is None:
            raise UsageError("Nothing has been indexed yet: begin with `pixloom index ~/Pictures`.")
        encoder = self.collection.encoder(index.encoder, index.fingerprint)
        images = [Image.fromarray(to_bytes(picture.rgb)) for picture in pictures]
        return encoder.encode_pictures([encoder.prepare(image) for image in images])

    def stored(self, ids: Sequence[int]) -> tuple[Ids, Floats]:
        """Ids of those that have a vector in the index, and the vectors [m, dimension]."""
        snapshot = self.engine.snapshot()
        if snapshot is None:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        found = [(id, vector) for id in ids if (vector := snapshot.vector(id)) is not None]
        vectors = [vector for _, vector in found]
        dimension = snapshot.index.dimension
        return (
            np.array([id for id, _ in found], np.int64),
            np.stack(vectors) if vectors else np.empty((0, dimension), np.float32),
        )

    def _path(self, reference: str) -> Path:
        id = picture_id(reference)
        if id is not None:
            return self.collection.catalog.picture(id).file()
        kept = kept_file(reference, self.collection.settings)
        if kept is not None:
            return kept
        if not self.files:
            raise UsageError(f"{reference!r} is not the id of a picture, such as 12.")
        path = Path(reference).expanduser()
        if not path.exists():
            raise NotFoundError(f"There is no file {path}, and it isn't the id of a picture either.")
        return path

    def _hashes(self, ids: Sequence[int]) -> list[str]:
        """Content hashes of live pictures, in the order of the ids."""
        with self.collection.catalog.database.read() as connection:
            query = select(PictureRow.id, PictureRow.hash).where(PictureRow.id.in_(list(ids)), PictureRow.live)
            known = {row.id: row.hash for row in connection.execute(query)}
        return [known[id] for id in ids if id in known]
