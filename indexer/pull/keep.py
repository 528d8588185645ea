"""The last step of every pull of one file: it is checked, and only then has its name."""

import errno
import hashlib
import os
import shutil
from pathlib import Path

from indexer.config import Settings
from indexer.errors import PullError
from indexer.models.shelf import recorded, target, write_record
from indexer.models.spec import ModelSpec
from indexer.pull.meter import Meter
from indexer.types import OnProgress

_CHUNK = 2**20
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EFBIG}


def sha256_of(path: Path, on_progress: OnProgress) -> str:
    """Hex digest of a file, with progress."""
    digest, done = hashlib.sha256(), 0
    meter = Meter(on_progress, "check", path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
            done += len(block)
            meter.at(done)
    return digest.hexdigest()


def kept(spec: ModelSpec, settings: Settings, on_progress: OnProgress) -> Path | None:
    """The model's file, if it is here already and what was pinned, also where it was laid there by hand.

    One that was pulled and is damaged now is deleted: it would go on passing for whole by its size.
    """
    path = target(spec, settings)
    if not path.is_file():
        return None
    known = path.name in recorded(spec, settings)
    if sha256_of(path, on_progress) != spec.sha256:
        if known:
            path.unlink()
        return None
    if not known or recorded(spec, settings)[path.name] != path.stat().st_size:
        write_record(spec, settings, {path.name: path.stat().st_size}, spec.sha256)
    return path


def check(spec: ModelSpec, path: Path, on_progress: OnProgress) -> None:
    """Raise PullError where the file's sha256 isn't the one that is pinned, and delete it."""
    found = sha256_of(path, on_progress)
    if found != spec.sha256:
        path.unlink()
        raise PullError(
            f"What came for {spec.name} was deleted, for it isn't what is pinned: its sha256 is {found}, not "
            f"{spec.sha256}. Pull again; if it comes again, {spec.source} holds another file now."
        )


def keep(spec: ModelSpec, settings: Settings, draft: Path, on_progress: OnProgress) -> Path:
    """Check a fetched file, bring it safely under its name, and write it down. Raises as `check` does."""
    check(spec, draft, on_progress)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    path = target(spec, settings)
    draft.replace(path)
    write_record(spec, settings, {path.name: path.stat().st_size}, spec.sha256)
    return path


def of_the_disk(error: Exception) -> bool:
    """Whether an error is of what is written, not of the network that it comes from."""
    return isinstance(error, OSError) and error.errno in _DISK


def require_space(folder: Path, size: int) -> None:
    """Raise OSError (ENOSPC) where `size` more bytes can't be written: before anything is fetched."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
