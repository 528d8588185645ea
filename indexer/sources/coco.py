"""COCO's captions and instances (Lin et al. 2014; Chen et al. 2015).

The format: https://cocodataset.org/#format-data. `images` have `id` and `file_name`; `annotations` have `image_id`
and a `caption`, or a `category_id` with `bbox` as x, y, width, height in pixels from the top left corner;
`categories` have `id`, `name` and `supercategory`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.errors import NotFoundError, UsageError
from indexer.facts import clean
from indexer.sources.items import BoxLabel, Item
from indexer.sources.merge import merged
from indexer.sources.pictures import Pictures
from indexer.sources.problems import Kind, Problems
from indexer.sources.source import Source
from indexer.types import Caption

_NAME = re.compile(r"(?:captions|instances|person_keypoints|image_info)_(.+)")
_FILES = ("captions_*.json", "instances_*.json")
MAX_CAPTION = 2000


def read(source: Source) -> Iterator[Item]:
    """Items of a file of annotations, or of the captions and instances of a folder, or of its folder `annotations`,
    together. Splits are named as the files are: `val2017`. Crowds are boxes like others; outlines are not read.

    Raises NotFoundError and UsageError for files that are not there, are cut off or are not of this format.
    """
    found = files(source.path)
    if not found:
        raise UsageError(
            f"{source.path} holds no captions_*.json or instances_*.json, nor a folder annotations with some."
        )
    for split, paths in found.items():
        if source.splits.takes(split):
            yield from _read_split(source, split, paths, len(found) == 1)


def files(path: Path) -> dict[str | None, list[Path]]:
    """The files of annotations at, or in, a path by their split; {} where there are none."""
    found = [path]
    if path.is_dir():
        below = (sorted(file for name in _FILES for file in (path / place).glob(name)) for place in ("annotations", ""))
        found = next(filter(None, below), [])
    splits: dict[str | None, list[Path]] = {}
    for file in found:
        match = _NAME.fullmatch(file.stem)
        splits.setdefault(match[1] if match else None, []).append(file)
    return splits


def _pictures(source: Source, split: str | None, file: Path, alone: bool) -> Pictures:
    folder = file.parent.parent if file.parent.name == "annotations" else file.parent
    name = split or "images"
    places = [folder / name, folder / "images" / name, folder / "images", folder]
    if source.images is not None:
        places = [source.images / name, source.images]
    place = next(place for place in places if place == places[-1] or place.is_dir())
    # In a folder that several splits share, what one leaves unnamed may be another's.
    dedicated = place.name == name or (alone and (place != places[-1] or source.images is not None))
    return Pictures(place, source.problems, dedicated=dedicated)


def _read_split(source: Source, split: str | None, paths: list[Path], alone: bool) -> Iterator[Item]:
    pictures = _pictures(source, split, paths[0], alone)
    described: dict[int | str, _Described] = {}
    captioned = False
    for file in paths:
        reading = _Reading(file, described, source.problems)
        reading.read()
        captioned |= reading.captioned
    yield from merged(_found(described, pictures, split), source.problems)
    for image in described.values():
        if captioned and not image.captions:
            source.problems.add(Kind.UNCAPTIONED, image.where, f"{image.name} has no caption")
    pictures.note_unnamed()


def _found(
    described: "dict[int | str, _Described]", pictures: Pictures, split: str | None
) -> Iterator[tuple[str, Item]]:
    for image in described.values():
        path = pictures.find(image.name, image.where)
        if path is not None:
            captions, labels, boxes = tuple(image.captions), tuple(dict.fromkeys(image.labels)), tuple(image.boxes)
            yield image.where, Item(path, split, captions, labels, {}, boxes)


@dataclass(slots=True)
class _Described:
    """What has been read of one image."""

    name: str
    where: str
    captions: list[Caption] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    boxes: list[BoxLabel] = field(default_factory=list)


class _Reading:
    """One file of annotations, entered into what is known of the images by their ids."""

    def __init__(self, file: Path, described: dict[int | str, _Described], problems: Problems) -> None:
        self.file, self.described, self.problems = file, described, problems
        self.categories: dict[int | str, tuple[str, str | None]] = {}
        self.captioned = False

    def read(self) -> None:
        """Enter every image and annotation of the file."""
        data = _load(self.file)
        for name in ("images", "annotations"):
            if not isinstance(data, dict) or not isinstance(data.get(name), list):
                raise UsageError(f"{self.file} is no file of COCO annotations: it has no list {name!r}.")
        for place, row in enumerate(data["images"]):
            self._image(row, f"{self.file.name} images[{place}]")
        categories = data.get("categories")
        for place, row in enumerate(categories if isinstance(categories, list) else ()):
            self._category(row, f"{self.file.name} categories[{place}]")
        for place, row in enumerate(data["annotations"]):
            self._annotation(row, f"{self.file.name} annotations[{place}]")

    def _image(self, row: Any, where: str) -> None:
        id, name = _get(row, "id", int | str), _get(row, "file_name", str)
        if id is None or not name:
            self._leave_out(where, "an image needs an id and a file_name")
        elif id not in self.described:
            self.described[id] = _Described(name, where)
        elif self.described[id].name != name:
            known = self.described[id]
            self.problems.add(Kind.CONFLICT, where, f"image {id} was {known.name} ({known.where}), here it is {name}")

    def _category(self, row: Any, where: str) -> None:
        id, name = _get(row, "id", int | str), clean(_get(row, "name", str))
        if id is None or name is None:
            self._leave_out(where, "a category needs an id and a name")
        else:
            self.categories[id] = name, clean(_get(row, "supercategory", str))

    def _annotation(self, row: Any, where: str) -> None:
        id = _get(row, "image_id", int | str)
        image = self.described.get(id) if id is not None else None
        if image is None:
            self._leave_out(where, f"no image of this file has the id {id!r}")
        elif isinstance(row.get("caption"), str):
            self.captioned = True
            text = clean(row["caption"], MAX_CAPTION)
            if text is None:
                self._leave_out(where, "the caption is empty")
            else:
                image.captions.append(Caption(text))
        elif category := self.categories.get(_get(row, "category_id", int | str)):
            self._box(image, *category, row, where)
        else:
            self._leave_out(where, "it has neither a caption nor a known category")

    def _box(self, image: _Described, name: str, wider: str | None, row: dict[str, Any], where: str) -> None:
        if "bbox" not in row:
            image.labels.append(name)
        elif box := usable_box(row["bbox"]):
            image.boxes.append(BoxLabel(name, box, wider))
        else:
            self.problems.add(Kind.BOX, where, f"{row['bbox']!r} is no box x, y, width, height: left out"[:200])

    def _leave_out(self, where: str, what: str) -> None:
        self.problems.add(Kind.RECORD, where, f"{what}: left out")


def usable_box(value: Any) -> tuple[float, float, float, float] | None:
    """x, y, width, height of a list of four numbers; None where it isn't one or has no area."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(number, int | float) and abs(number) < 1e9 for number in value):
        return None
    x, y, width, height = map(float, value)
    return (x, y, width, height) if width > 0 and height > 0 else None


def _get(row: Any, name: str, kind: Any) -> Any:
    """A field of a record if it is of that kind (a bool is no number), else None."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _load(file: Path) -> Any:
    """The JSON document without its outlines, which are most of it, so that memory stays near the file's size."""
    try:
        return json.loads(file.read_bytes(), object_hook=_without_outline)
    except OSError as error:
        raise NotFoundError(f"{file} can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} isn't UTF-8, as JSON must be (byte {error.start}): save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        cut = " It ends in the middle: get it again." if _is_cut(error) else ""
        raise UsageError(
            f"{file} isn't JSON: {error.msg} in line {error.lineno}, column {error.colno}.{cut}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} isn't usable JSON: {error}.") from error


def _is_cut(error: json.JSONDecodeError) -> bool:
    return not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string")


def _without_outline(row: dict[str, Any]) -> dict[str, Any]:
    row.pop("segmentation", None)
    return row
