"""Pictures that come in over HTTP: checked, kept in the home folder by their content, indexed at once."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from fastapi import UploadFile

from api.schemas import Upload
from indexer.collection import Collection
from indexer.database import disk_error
from indexer.errors import PictureError
from indexer.formats import EXTENSIONS
from indexer.images import open_picture
from indexer.limits import Limits

_CHUNK = 2**20
WAIT = 30.0
"""Seconds that another writer may take to end."""


def add_uploads(collection: Collection, files: Sequence[UploadFile]) -> list[Upload]:
    """Store and index files; of each its id, or the reason why it can't be read.

    What was stored is removed again where it can't be indexed. Raises BusyError, DiskFullError,
    EncoderError.
    """
    answers, stored = [], {}
    try:
        for file in files:
            answer, path = _store(collection, file)
            answers.append(answer)
            if path is not None:
                stored[path] = answer
        collection.catalog.add_roots([collection.settings.uploads])
        report = collection.index(list(stored), wait=WAIT) if stored else None
    except BaseException:
        _drop(collection, list(stored))
        raise
    reasons = dict(report.failed) if report else {}
    for path, answer in stored.items():
        answer.id = collection.catalog.find(path=path)
        answer.new = answer.id is not None
        answer.reason = None if answer.new else reasons.get(path, "it could not be indexed")
    _drop(collection, [path for path, answer in stored.items() if answer.id is None])
    return answers


def remove_picture(collection: Collection, id: int) -> None:
    """Take a picture out of the collection, and delete the file that was made for it; no other."""
    record = collection.catalog.remove(id)
    _drop(collection, [path for path in map(Path, record.paths) if path.parent == collection.settings.uploads])


def _store(collection: Collection, file: UploadFile) -> tuple[Upload, Path | None]:
    """What is known of one file at once, and where it was stored if it is new."""
    name = PurePath(file.filename or "").name or "picture"
    settings = collection.settings
    with _written(settings.uploads, file) as (temporary, digest):
        collection.catalog.restore(digest)
        known = collection.catalog.find(hash=digest)
        if known is not None:
            return Upload(name=name, id=known), None
        try:
            picture = open_picture(temporary, limits=Limits.of(settings), min_side=settings.thumbnail_size)
        except PictureError as error:
            return Upload(name=name, reason=str(error)), None
        path = settings.uploads / (digest + _extension(name, picture.metadata.format))
        temporary.replace(path)
    return Upload(name=name), path


@contextmanager
def _written(folder: Path, file: UploadFile) -> Iterator[tuple[Path, str]]:
    """A hidden file beside its later place, and the hash of its content; gone at the end unless renamed."""
    digest, temporary = hashlib.blake2b(digest_size=32), None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as target:
            temporary = Path(target.name)
            while chunk := file.file.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        yield temporary, digest.hexdigest()
    except OSError as error:
        raise disk_error(error, folder) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _extension(name: str, format: str) -> str:
    suffix = PurePath(name).suffix.lower()
    if EXTENSIONS.get(suffix) == format:
        return suffix
    return next((extension for extension, kind in EXTENSIONS.items() if kind == format), "")


def _drop(collection: Collection, paths: Sequence[Path]) -> None:
    """Delete files of ours, and all that the catalogue knows of them but the pictures themselves."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    collection.catalog.forget(paths)
