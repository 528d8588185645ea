"""Writing outcomes beside the originals, whole or not at all, and never over anything."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import get_ident

from indexer.config import Settings
from indexer.database import disk_error
from indexer.formats import EXTENSIONS as KNOWN
from indexer.limits import DEFAULT_LIMITS, Limits
from tuner.lineage.encoding import EXTENSIONS, Note, encoded, outcome_format
from tuner.lineage.kept import read_kept
from tuner.lineage.recipe import Recipe
from tuner.lineage.xmp import stamped
from tuner.operation import Source
from tuner.raster import Raster

FOLDER = "pixloom-edits"
"""Name of the folder, beside an original, that outcomes go to."""
_LONGEST_STEM = 160
"""Bytes: file systems take 255 for a name, and there is more to it."""

Finish = Callable[[bytes, str], bytes]
"""(a file's bytes, its format) -> those that are written: `c2pa.signed`."""


def outcome_path(
    source: Path | None,
    operation: str,
    extension: str,
    settings: Settings,
    folder: Path | None = None,
    title: str = "picture",
) -> Path:
    """Where the outcome of an operation on a source goes: `pixloom-edits/<stem>.<operation>.<ext>` beside it, or into
    another `folder` where one is named.

    `-2`, `-3`... is added where that is taken. An outcome of an outcome goes beside it. For uploads, and where the
    folder can't be written, it is `edits` in the home folder; pictures made from nothing go to `generated` there, and
    are named after a `title`.
    """
    folder = folder or _usual_folder(source, settings)
    stem = (source.stem if source is not None else title).encode()[:_LONGEST_STEM].decode(errors="ignore")
    name = f"{stem}.{operation}{extension}"
    return next(path for path in _numbered(folder / name) if not os.path.lexists(path))


def _usual_folder(source: Path | None, settings: Settings) -> Path:
    if source is None:
        return settings.generated
    if source.parent in (settings.uploads, settings.edits, settings.generated):
        return settings.edits
    beside = source.parent if source.parent.name == FOLDER else source.parent / FOLDER
    return beside if _can_be_written(beside) else settings.edits


def save_raster(
    raster: Raster,
    source: Path | None,
    settings: Settings,
    recipe: Recipe,
    kind: Source,
    *,
    out: Path | None = None,
    finish: Finish | None = None,
    note: Note = lambda _: None,
    title: str = "picture",
) -> Path:
    """Write the outcome of an operation to its `outcome_path`, or to `out`, which is a folder, or a file where its name
    ends as a picture's does; the path that it has got.

    The format is `outcome_format`'s. What the source's file said is kept, its EXIF, IPTC, ICC profile, texts and XMP,
    the last with how the outcome was made; what was lost, because it was broken or has no place in the format, is told
    by `note`. UsageError for a format that can't hold it, PictureError where the source can't be read, DiskFullError
    and HomeError where nothing could be written, and then nothing is left behind.
    """
    limits = Limits.of(settings)
    format = KNOWN.get(out.suffix.lower()) if out is not None else None
    data, extension = outcome_file(raster, source, recipe, kind, format=format, note=note, limits=limits)
    if finish is not None:
        data = finish(data, next(name for name, ending in EXTENSIONS.items() if ending == extension))
    if source is not None and KNOWN.get(source.suffix.lower()) == KNOWN[extension] and source.suffix.lower() != ".mpo":
        extension = source.suffix.lower()
    if out is not None and format is not None:
        return write_new(out, data)
    return write_new(outcome_path(source, recipe.operation, extension, settings, out, title), data)


def outcome_file(
    raster: Raster,
    source: Path | bytes | None,
    recipe: Recipe,
    kind: Source,
    *,
    format: str | None = None,
    note: Note = lambda _: None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[bytes, str]:
    """The bytes of an outcome's file, and how its name ends; as `save_raster`."""
    kept = read_kept(source, raster.size, limits)
    name = outcome_format(raster, kept, format)
    try:
        packet = stamped(kept.xmp, recipe, kind, raster.size)
    except ValueError as error:
        note(f"The XMP of the source can't be read and was left out: {error}.")
        packet = stamped(None, recipe, kind, raster.size)
    return encoded(raster, kept, packet, name, note), EXTENSIONS[name]


def write_new(path: Path, data: bytes) -> Path:
    """Write a file that others see whole or not at all, under its name or, where that is taken, the next number.

    DiskFullError, or HomeError for another reason, and nothing is left behind.
    """
    temporary = path.with_name(f".{os.getpid()}.{get_ident()}.pixloom")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        return next(target for target in _numbered(path) if _named(temporary, target))
    except OSError as error:
        temporary.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()  # where it is empty
        raise disk_error(error, path.parent) from error
    finally:
        temporary.unlink(missing_ok=True)


def _named(temporary: Path, target: Path) -> bool:
    """Give a whole file its name, unless a file has it already."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: the name is taken first, for a moment by an empty file
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            return False
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise
    return True


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def _can_be_written(folder: Path) -> bool:
    """Whether a file can be made in a folder, which is made if need be."""
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
