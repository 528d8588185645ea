"""What labelled pictures show: their classes, or their attributes, as a matrix beside the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.errors import UsageError
from indexer.sources.items import Item
from search.metrics import Flags


@dataclass(frozen=True, slots=True)
class Truth:
    """`shown` [pictures, classes] says what is there; `known` of the same shape where that is said at all.

    `names` has all names of each class. Of `attributes` a picture has any number, and none excludes another.
    """

    names: tuple[tuple[str, ...], ...]
    shown: Flags
    known: Flags
    attributes: bool = False

    def of(self, places: Sequence[int]) -> "Truth":
        """The truth about some of the pictures, with the classes that any of them shows."""
        shown, known = self.shown[places], self.known[places]
        kept = np.flatnonzero(shown.any(axis=0))
        names = tuple(self.names[place] for place in kept)
        return Truth(names, shown[:, kept], known[:, kept], self.attributes)


def labelled(items: Sequence[Item]) -> list[Item]:
    """The items that something is said of, by the first of these that any has: labels, boxes, attributes."""
    for says in (_labels, _boxes, _attributes):
        if found := [item for item in items if says(item)]:
            return found
    raise UsageError("The data hold no labels, no boxes and no attributes that are true or false: see --column-label.")


def truth_of(items: Sequence[Item]) -> Truth:
    """What `labelled` items show. A class is a synset with all its names, or a label, or what a box is named."""
    says = next(says for says in (_labels, _boxes, _attributes) if says(items[0]))
    told = [says(item) for item in items]
    classes = sorted({key: names for item in told for key, (names, _) in item.items()}.items())
    places = {key: place for place, (key, _) in enumerate(classes)}
    shown = np.zeros((len(items), len(classes)), np.bool_)
    known = np.full(shown.shape, says is not _attributes)
    for row, item in enumerate(told):
        for key, (_, value) in item.items():
            shown[row, places[key]] = value
            known[row, places[key]] = True
    return Truth(tuple(names for _, names in classes), shown, known, says is _attributes)


Said = dict[str, tuple[tuple[str, ...], bool]]
"""Class or attribute -> its names, and whether it is there."""


def _labels(item: Item) -> Said:
    if item.synset and item.labels:
        return {item.synset: (item.labels, True)}
    return {label: ((label,), True) for label in item.labels}


def _boxes(item: Item) -> Said:
    return {box.name: ((box.name,), True) for box in item.boxes}


def _attributes(item: Item) -> Said:
    return {name: ((name,), value) for name, value in item.attributes.items() if isinstance(value, bool)}
