"""Walks folders: which files there are, which of them may be pictures, which the user wants left out."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from indexer.images import is_picture_name, sniff
from indexer.sources.sidecar import sidecars_of
from indexer.tables import FAILED, IGNORED, PENDING

Rules = tuple[tuple[str, GitIgnoreSpec], ...]
Entries = dict[str, "os.DirEntry[str]"]

IGNORE_FILE = ".pixloomignore"
DEFAULT_RULES = ("@eaDir/", "__MACOSX/", "Thumbs.db", "desktop.ini")
"""What other programs leave beside pictures: previews of previews, and databases."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file as the folder shows it: PENDING if it may be a picture, else IGNORED or FAILED with a reason."""

    name: str
    state: str
    reason: str | None = None
    size: int = 0
    mtime_ns: int = 0
    sidecar_ns: int = 0


@dataclass(slots=True)
class Listing:
    """One folder's files; `error` says why it couldn't be listed."""

    folder: str
    files: list[Found] = field(default_factory=list)
    error: str | None = None


def walk(root: Path, *, without: Path | None = None) -> Iterator[Listing]:
    """Every folder from `root` down, in order of names; hidden files and folders are left out.

    Links are followed, each folder is visited once, so loops end. `without` is a folder that is not
    entered (the home folder). Rules in .pixloomignore files, written as for .gitignore, hold for the
    folder they lie in and all below.
    """
    visited: set[tuple[int, int]] = set()
    rules: Rules = ((str(root), GitIgnoreSpec.from_lines(DEFAULT_RULES)),)
    waiting = [(str(root), rules, False)]
    while waiting:
        folder, rules, ignored = waiting.pop()
        try:
            seen = Path(folder).stat()
            if (seen.st_dev, seen.st_ino) in visited:
                continue
            visited.add((seen.st_dev, seen.st_ino))
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            yield Listing(folder, error=f"folder can't be read: {error.strerror or error}")
            continue
        rules += _own_rules(folder, entries)
        listing, folders = _sort(folder, entries, rules, ignored)
        yield listing
        waiting += [(path, rules, drop) for path, drop in reversed(folders) if without is None or path != str(without)]


def look_at(folder: str, names: Iterable[str]) -> Listing:
    """Files of a folder by their names, as `walk` would show them; they are taken even if a rule leaves them out."""
    listing = Listing(folder)
    try:
        with os.scandir(folder) as scan:
            entries = {entry.name: entry for entry in scan}
    except OSError as error:
        listing.error = f"folder can't be read: {error.strerror or error}"
        return listing
    listing.files += [_found(entries[name], entries) for name in sorted(names) if name in entries]
    return listing


def _own_rules(folder: str, entries: list["os.DirEntry[str]"]) -> Rules:
    for entry in entries:
        if entry.name == IGNORE_FILE:
            text = Path(entry.path).read_text(encoding="utf-8", errors="replace")
            return ((folder, GitIgnoreSpec.from_lines(text.splitlines())),)
    return ()


def _left_out(path: str, rules: Rules, *, is_dir: bool) -> bool:
    # The innermost rule that speaks of a path decides, as in git.
    for base, spec in reversed(rules):
        name = os.path.relpath(path, base).replace(os.sep, "/") + ("/" if is_dir else "")
        verdict = spec.check_file(name).include
        if verdict is not None:
            return verdict
    return False


def _sort(
    folder: str, entries: list["os.DirEntry[str]"], rules: Rules, ignored: bool
) -> tuple[Listing, list[tuple[str, bool]]]:
    """The files of a folder, and its subfolders, each with whether a rule leaves it out."""
    names = {entry.name: entry for entry in entries}
    listing, folders = Listing(folder), []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_dir(entry):
            folders.append((entry.path, ignored or _left_out(entry.path, rules, is_dir=True)))
        elif ignored or _left_out(entry.path, rules, is_dir=False):
            listing.files.append(Found(entry.name, IGNORED, "left out by an ignore rule"))
        else:
            listing.files.append(_found(entry, names))
    return listing, folders


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _found(entry: "os.DirEntry[str]", names: Entries) -> Found:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return Found(entry.name, FAILED, "the file's name isn't valid UTF-8: rename it")
    named = is_picture_name(entry.name)
    if not named and Path(entry.name).suffix:
        return Found(entry.name, IGNORED, "not a picture")
    try:
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode):
            return Found(entry.name, IGNORED, "not a regular file")
        if not named and not _sniff(entry.path):
            return Found(entry.name, IGNORED, "not a picture")
    except OSError as error:
        return Found(entry.name, FAILED if named else IGNORED, f"can't be read: {error.strerror or error}")
    sidecars = (names[name] for name in sidecars_of(entry.name) if name in names)
    newest = max((sidecar.stat().st_mtime_ns for sidecar in sidecars), default=0)
    return Found(entry.name, PENDING, None, status.st_size, status.st_mtime_ns, newest)


def _sniff(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123 - thousands of calls: a Path each would cost more
        return sniff(file.read(32))
