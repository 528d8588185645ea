"""Tags in XMP sidecar files (ISO 16684-1): `dc:subject`, and `lr:hierarchicalSubject` where parents are known.

What others wrote stays as it is. What Pixloom wrote is noted beside it in properties of its own, so that it can be
taken back later, and so that reading the sidecar doesn't take it for what somebody else said (indexer/xmp.py).
"""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree
from sqlalchemy import update

from indexer.collection import Collection
from indexer.errors import PictureError
from indexer.facts import clean
from indexer.packet import EMPTY, RDF, parse_packet, print_packet
from indexer.reader import write_atomically
from indexer.scan import stored_path
from indexer.sources.sidecar import sidecar_time, sidecars_of
from indexer.tables import Base, FileRow
from indexer.types import OnProgress, Progress
from indexer.xmp import PIXLOOM
from search.tags.pictures import Tagged

Above = Callable[[str], Sequence[str]]
"""Names of the tags above a concept, the most general first."""
_FILE = Base.metadata.tables[FileRow.__tablename__]
_LI, _ARRAYS = f"{{{RDF}}}li", tuple(f"{{{RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt"))
_SUBJECTS = (
    ("{http://purl.org/dc/elements/1.1/}subject", f"{{{PIXLOOM}}}subject"),
    ("{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject", f"{{{PIXLOOM}}}hierarchicalSubject"),
)
"""A property, and the one in which is noted what in it is Pixloom's."""
_PREFIXES = {"dc": "http://purl.org/dc/elements/1.1/", "lr": "http://ns.adobe.com/lightroom/1.0/", "pixloom": PIXLOOM}


@dataclass(slots=True)
class Written:
    """What became of sidecars: counts of files, and why some couldn't be written."""

    written: int = 0
    unchanged: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)


def nothing_above(_concept: str) -> Sequence[str]:
    """A graph that knows no concept above another."""
    return ()


def sidecar_of(picture: Path) -> Path:
    """Where the tags of a picture file go: its sidecar if it has one, else `photo.jpg.xmp`.

    `photo.xmp` is its own only if no other file than sidecars bears that name: it may speak of `photo.raw`.
    """
    _, plain, exact = (picture.with_name(name) for name in sidecars_of(picture.name))
    if exact.exists() or not plain.exists():
        return exact
    mine = {picture.name, *sidecars_of(picture.name)}
    shared = any(other.stem == picture.stem and other.name not in mine for other in picture.parent.iterdir())
    return exact if shared else plain


def write_sidecar(picture: Path, tags: Iterable[tuple[str, str | None]], above: Above = nothing_above) -> bool:
    """Bring the sidecar of a picture file in line with its tags, given as (name, concept); whether it was changed.

    The picture isn't touched. Raises PictureError where the sidecar can't be read, understood or written; then
    nothing was.
    """
    named = [(name, concept) for text, concept in tags if (name := clean(text))]
    paths = [("|".join([*map(_step, above(concept)), _step(name)]), concept) for name, concept in named if concept]
    wanted = [name for name, _ in named], [path for path, _ in paths if "|" in path]
    target = picture
    try:
        if not picture.exists():
            raise PictureError("the picture isn't there")
        target = sidecar_of(picture).resolve()
        data = target.read_bytes() if target.exists() else None
        if data is None and not named:
            return False
        tree = parse_packet(EMPTY if data is None else data)
        changed = [_bring(tree, *pair, names) for pair, names in zip(_SUBJECTS, wanted, strict=True)]
        if any(changed):
            _replace(target, _printed(tree, data))
        return any(changed)
    except OSError as error:
        raise PictureError(f"{target} can't be written: {error.strerror or error}") from error
    except (etree.XMLSyntaxError, ValueError) as error:
        raise PictureError(f"{target} isn't a sidecar that can be changed: {error}") from error


def write_sidecars(
    collection: Collection,
    pictures: Iterable[Tagged],
    *,
    above: Above = nothing_above,
    on_progress: OnProgress | None = None,
    total: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Written:
    """The same for every file of these pictures; what can't be written is listed and the others go on."""
    result, progress = Written(), Progress("write", 0, total)
    for one in pictures:
        tags = [(tag.name, tag.concept) for tag in one.tags]
        for path in map(Path, one.paths):
            try:
                changed = _write_noted(collection, path, tags, above)
                result.written, result.unchanged = result.written + changed, result.unchanged + (not changed)
            except PictureError as error:
                result.failed.append((path, str(error)))
        progress.done += 1
        if on_progress:
            on_progress(progress)
        if should_stop():
            break
    return result


def _write_noted(collection: Collection, path: Path, tags: Sequence[tuple[str, str | None]], above: Above) -> bool:
    """Write a sidecar; the catalogue takes note, so that the picture isn't read again for what we wrote ourselves."""
    before = sidecar_time(path)
    changed = write_sidecar(path, tags, above)
    if changed:
        known = (_FILE.c.path == stored_path(str(path))) & (_FILE.c.sidecar_ns == before)
        with collection.catalog.database.write() as connection:
            connection.execute(update(_FILE).where(known).values(sidecar_ns=sidecar_time(path)))
    return changed


def _step(name: str) -> str:
    return name.replace("|", "/")


def _bring(tree: Any, property: str, note: str, wanted: Sequence[str]) -> bool:
    """A property in line with the names wanted, beside those of others; whether that changed anything."""
    own = {item.text for item in _items(tree, note)}
    before = [item.text for item in _items(tree, property)]
    theirs = {_same(text) for text in before if text not in own}
    mine = [name for name in dict.fromkeys(wanted) if _same(name) not in theirs]
    if [text for text in before if text in own] == mine and own == set(mine):
        return False
    for item in [*_items(tree, property), *_items(tree, note)]:
        if item.text in own:
            item.getparent().remove(item)
    for name in (property, note):
        _add(tree, name, mine)
        _drop_empty(tree, name)
    return True


def _same(text: str | None) -> str:
    return (text or "").strip().casefold()


def _items(tree: Any, property: str) -> list[Any]:
    return [item for element in tree.iter(property) for item in element.iter(_LI)]


def _add(tree: Any, property: str, names: Sequence[str]) -> None:
    if not names:
        return
    element = next(tree.iter(property), None)
    if element is None:
        description = tree.find(f".//{{{RDF}}}Description")
        namespace = property[1:].split("}")[0]
        prefixes = {prefix: uri for prefix, uri in _PREFIXES.items() if uri == namespace}
        element = etree.SubElement(description, property, nsmap=prefixes)
        element.tail = "\n"
    array = next((child for child in element if child.tag in _ARRAYS), None)
    if array is None:
        array = etree.SubElement(element, _ARRAYS[0])
        if said := (element.text or "").strip():  # a value without an array, which XMP allows no keywords to be
            etree.SubElement(array, _LI).text = said
            element.text = None
    for name in names:
        etree.SubElement(array, _LI).text = name


def _drop_empty(tree: Any, property: str) -> None:
    for element in list(tree.iter(property)):
        if element.find(f".//{_LI}") is None and not (element.text or "").strip():
            element.getparent().remove(element)


def _replace(target: Path, data: bytes) -> None:
    """Write a sidecar whole or not at all, with the permissions it has; one that is protected stays as it is."""
    mode = target.stat().st_mode if target.exists() else None
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    write_atomically(target, data)
    if mode is not None:
        target.chmod(mode)


def _printed(tree: Any, before: bytes | None) -> bytes:
    declared = before is not None and before.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml ")
    return print_packet(tree, declared)
