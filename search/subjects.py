"""The parts of a query to vectors: from the index, from the cache, or by the encoder."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.collection import Collection
from indexer.encoders.cache import QueryCache
from indexer.errors import EncoderError, NotFoundError, PictureError, UsageError
from indexer.images import open_picture, read_file
from indexer.limits import Limits
from indexer.types import Encoder, Floats
from search.query import Box, PictureBytes, PictureFile, PictureId, Term, Text
from search.snapshot import Snapshot


class Subjects:
    """Embeds what queries speak of; safe to share between threads."""

    def __init__(self, collection: Collection, *, cached: bool) -> None:
        """With `cached`, what was asked before needs no model."""
        self.collection = collection
        self._cache = QueryCache(collection.settings.cache) if cached else None

    def vector(self, snapshot: Snapshot, term: Term) -> Floats:
        """The unit-norm vector [dimension] of a term, as the snapshot's index has it. Raises NotFoundError,
        PictureError, UsageError (a box outside the picture), EncoderError."""
        match term.subject:
            case Text(text):
                return self.kept(snapshot, f"text:{text}", lambda encoder: encoder.encode_texts([text])[0])
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

        return self.kept(snapshot, f"picture:{digest}:{box}", encode)

    def kept(self, snapshot: Snapshot, key: str, encode: Callable[[Encoder], Any]) -> Floats:
        """The vector [dimension] that `encode` makes with the encoder of the snapshot's index, from the cache where it
        was asked before under that key: then no model is loaded. EncoderError where that encoder can't be had."""
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


def _crop(image: Image.Image, box: Box, name: str) -> Image.Image:
    x, y, width, height = box
    if x >= image.width or y >= image.height:
        raise UsageError(f"The box {list(box)} lies outside {name}, which is {image.width}x{image.height} pixels.")
    return image.crop((x, y, min(x + width, image.width), min(y + height, image.height)))
