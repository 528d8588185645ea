"""Pictures and masks that parameters name: by id, by file, or by content that is kept for good.

An edit can be made again from its record only if what it was made with is still there. So a file that a parameter
names is copied into the home folder, under the hash of its bytes, and the record names the copy.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from indexer.config import Settings
from indexer.database import disk_error
from indexer.errors import NotFoundError, PictureError, UsageError
from indexer.images import read_file, sniff
from indexer.limits import Limits
from indexer.reader import write_atomically
from tuner.operation import Operation

KEPT = "kept:"
"""How a reference to a kept file begins; the hash of its bytes follows."""
_ID = re.compile(r"#?(\d{1,10})")
_HASH = re.compile(r"[0-9a-f]{64}")
_IDS = re.compile(r"\s*#?\d{1,10}(\s*,\s*#?\d{1,10})+\s*")
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,")


def picture_id(reference: str) -> int | None:
    """The id that a reference names, `12` or `#12`; None where it names something else."""
    found = _ID.fullmatch(reference.strip())
    return int(found.group(1)) if found else None


def settled(operation: Operation, given: Mapping[str, Any], settings: Settings, *, files: bool) -> dict[str, Any]:
    """Parameters with every reference in a form that lasts: `#12`, or `kept:` and a hash.

    With `files`, a reference may be a path; without, only an id or a data URL: what comes over the network must not
    read this machine's disk. Raises UsageError, NotFoundError, PictureError for what is no picture, DiskFullError.
    """
    pictures = partial(_settle, settings=settings, files=files)
    settle = dict.fromkeys([*operation.references, *filter(None, [operation.gathers])], pictures)
    settle |= dict.fromkeys(operation.files, partial(_file, files=files))
    return {
        name: _each(value, partial(settle[name], name)) if name in settle else value for name, value in given.items()
    }


def kept_file(reference: str, settings: Settings) -> Path | None:
    """The file of a `kept:` reference; None for another kind. NotFoundError where it is gone."""
    if not reference.startswith(KEPT):
        return None
    name = reference.removeprefix(KEPT)
    path = settings.references / name
    if not _HASH.fullmatch(name) or not path.is_file():
        raise NotFoundError(
            f"What {reference} named is no longer kept in {settings.references}: name the picture anew."
        )
    return path


def _each(value: Any, settle: Callable[[str], str]) -> Any:
    if isinstance(value, str) and _IDS.fullmatch(value):
        return [settle(one.strip()) for one in value.split(",")]
    if isinstance(value, str):
        return settle(value) if value.strip() else value
    if isinstance(value, list | tuple):
        return [_each(one, settle) for one in value]
    return settle(str(value)) if isinstance(value, int) and not isinstance(value, bool) else value


def _settle(name: str, reference: str, *, settings: Settings, files: bool) -> str:
    id = picture_id(reference)
    if id is not None:
        return f"#{id}"
    if kept_file(reference, settings) is not None:
        return reference
    if _DATA_URL.match(reference):
        return _keep(_decoded(name, reference), name, settings)
    if not files:
        raise UsageError(f"{name} must be the id of a picture, such as 12, or a picture as a data URL.")
    path = Path(reference).expanduser()
    if not path.exists():
        raise NotFoundError(f"{name}: there is no file {path}, and it isn't the id of a picture either.")
    try:
        return _keep(read_file(path, Limits.of(settings)), name, settings)
    except PictureError as error:
        raise PictureError(f"{name}: {path} can't be used: {error}.") from error


def _file(name: str, path: str, *, files: bool) -> str:
    """Another file of this machine, by its absolute path."""
    if not files:
        raise UsageError(f"{name} names a file of this machine: that can't be asked for over the network.")
    found = Path(path).expanduser().absolute()
    if not found.is_file():
        raise NotFoundError(f"{name}: there is no file {found}.")
    return str(found)


def _decoded(name: str, url: str) -> bytes:
    try:
        return base64.b64decode(url.split(",", 1)[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{name}: the data URL isn't valid base64.") from error


def _keep(data: bytes, name: str, settings: Settings) -> str:
    Limits.of(settings).check_bytes(len(data))
    if not sniff(data[:32]):
        raise PictureError(f"{name}: that is not a picture, or of a format that isn't known.")
    digest = hashlib.blake2b(data, digest_size=32).hexdigest()
    path = settings.references / digest
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        except OSError as error:
            raise disk_error(error, settings.home) from error
    return KEPT + digest
