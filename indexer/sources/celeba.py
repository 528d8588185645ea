"""CelebA (Liu et al. 2015): faces with 40 attributes, as its authors give them out and as Kaggle does.

The format (the data's own README, mmlab.ie.cuhk.edu.hk/projects/CelebA.html): `list_attr_celeba.txt` is a line with
the count, a line with the names, then a file name and 1 or -1 for each; `list_eval_partition.txt` says 0, 1 or 2 for
train, validation, test; `list_bbox_celeba.txt` has x, y, width, height in the uncropped pictures. Kaggle's .csv files
have a heading, commas and no count.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from indexer.errors import UsageError
from indexer.facts import clean
from indexer.sources.coco import usable_box
from indexer.sources.items import Attribute, BoxLabel, Item
from indexer.sources.merge import merged
from indexer.sources.pictures import Pictures
from indexer.sources.problems import Kind
from indexer.sources.source import Source
from indexer.sources.text import open_text

ATTRIBUTES, PARTITION, BOXES = "list_attr_celeba", "list_eval_partition", "list_bbox_celeba"
_SPLITS = {"0": "train", "1": "val", "2": "test"}
_VALUES = {"1": True, "-1": False, "0": False}
_LISTS = ("", "Anno", "Eval", "celeba")
_IMAGES = ("img_align_celeba/img_align_celeba", "img_align_celeba", "img_align_celeba_png", "img_celeba")
_FILE_COLUMNS = ("image_id", "image", "filename")
Box = tuple[float, float, float, float]


def read(source: Source) -> Iterator[Item]:
    """Items with their attributes as bools, split `train`, `val` or `test`, and the box of the face.

    The boxes are about the pictures in the wild (`img_celeba`), so the aligned ones get none. Raises UsageError
    where the attributes aren't there or are of another form.
    """
    file = find(source.path, ATTRIBUTES)
    if file is None:
        raise UsageError(f"{source.path} holds no {ATTRIBUTES}.txt, nor a folder Anno with one: name CelebA's folder.")
    pictures = _pictures(source, file)
    splits, boxes = _splits(source, file), _boxes(source, file, pictures.folder)
    for item in merged(_records(source, file, pictures, splits, boxes), source.problems):
        if source.splits.takes(item.split):
            yield item
    pictures.note_unnamed()


def find(path: Path, stem: str) -> Path | None:
    """The list of that name at a path, or in the folders where CelebA has its lists."""
    if path.is_file():
        return path if path.stem == stem else None
    places = (path / folder / f"{stem}{suffix}" for folder in _LISTS for suffix in (".txt", ".csv"))
    return next((place for place in places if place.is_file()), None)


def _near(file: Path, stem: str) -> Path | None:
    """Another list of the same data set."""
    return find(file.parent, stem) or find(file.parent.parent, stem)


def _pictures(source: Source, file: Path) -> Pictures:
    if source.images is not None:
        return Pictures(source.images, source.problems, dedicated=True)
    tops = (file.parent, file.parent / "Img", file.parent.parent / "Img", file.parent.parent)
    for folder in (top / name for top in tops for name in _IMAGES):
        if folder.is_dir():
            return Pictures(folder, source.problems, dedicated=True)
    return Pictures(file.parent, source.problems, dedicated=False)


def _records(
    source: Source, file: Path, pictures: Pictures, splits: dict[str, str], boxes: dict[str, Box]
) -> Iterator[tuple[str, Item]]:
    for where, name, values in _rows(source, file):
        attributes: dict[str, Attribute] = {key: _VALUES[value] for key, value in values.items() if value in _VALUES}
        if len(attributes) < len(values):
            odd = next(key for key in values if key not in attributes)
            source.problems.add(Kind.RECORD, where, f"{odd} of {name} is {values[odd]!r}, not 1 or -1: left out")
        split = splits.get(name)
        if splits and split is None:
            source.problems.add(Kind.FILE, where, f"{name} is in no split of {PARTITION}")
        wanted = source.splits.takes(split)
        if (path := pictures.find(name, where, wanted=wanted)) is not None:
            face = (BoxLabel("face", boxes[name]),) if name in boxes else ()
            yield where, Item(path, split, attributes=attributes, boxes=face)


def _splits(source: Source, attributes: Path) -> dict[str, str]:
    file, splits = _near(attributes, PARTITION), {}
    for where, name, values in _rows(source, file, ["partition"]) if file else ():
        if values["partition"] in _SPLITS:
            splits[name] = _SPLITS[values["partition"]]
        else:
            what = f"the split of {name} is {values['partition']!r}, not 0, 1 or 2: left out"
            source.problems.add(Kind.RECORD, where, what)
    return splits


def _boxes(source: Source, attributes: Path, images: Path) -> dict[str, Box]:
    file, boxes = _near(attributes, BOXES), {}
    if file and "align" in images.name:
        what = f"speaks of the pictures in the wild, not of those in {images}: left out"
        source.problems.add(Kind.FILE, file.name, what)
        return {}
    for where, name, values in _rows(source, file) if file else ():
        if box := _box(list(values.values())):
            boxes[name] = box
        else:
            source.problems.add(Kind.BOX, where, f"the box of {name} is no x, y, width, height: left out")
    return boxes


def _box(values: list[str]) -> Box | None:
    try:
        return usable_box([float(value) for value in values])
    except ValueError:
        return None


def _rows(source: Source, file: Path, names: list[str] | None = None) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(where, file name, values by column) of each line; the first line names the columns unless `names` does."""
    count, rows, commas = None, 0, file.suffix == ".csv"
    with open_text(file, source.problems, source.encoding) as lines:
        for number, line in enumerate(lines, 1):
            cells = [cell.strip(' "') for cell in line.strip().split(",")] if commas else line.split()
            if cells in ([], [""]) or (cells[0].casefold() in _FILE_COLUMNS and names):
                continue
            if names is None and count is None and len(cells) == 1 and re.fullmatch(r"\d{1,15}", cells[0]):
                count = int(cells[0])
            elif names is None:
                names = _heading(cells, file)
            else:
                rows += 1
                where = f"{file.name} line {number}"
                if len(cells) == len(names) + 1:
                    yield where, cells[0], dict(zip(names, cells[1:], strict=True))
                else:
                    what = f"{len(cells)} values where there should be {len(names) + 1}: left out"
                    source.problems.add(Kind.RECORD, where, what)
    if count not in (None, rows):
        what = f"says that it has {count} pictures, and has {rows}: it may be cut off"
        source.problems.add(Kind.FILE, file.name, what)


def _heading(cells: list[str], file: Path) -> list[str]:
    # Kaggle's files, and the list of boxes, name the column of file names too.
    names = cells[1:] if cells[0].casefold() in _FILE_COLUMNS else cells
    if not names or any(name in _VALUES for name in names):
        raise UsageError(f"{file} has no heading that names its columns: it isn't the list that CelebA has.")
    return [clean(name) or "?" for name in names]
