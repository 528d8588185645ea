"""Several records of one picture become one item."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from indexer.sources.items import Item
from indexer.sources.problems import Kind, Problems


def merged(
    records: Iterable[tuple[str, Item]], problems: Problems, key: Callable[[Item], str] = lambda item: str(item.path)
) -> Iterator[Item]:
    """One item for each picture of (where it is said, what is said), in the order of their first records; `key` is
    what records of one picture have in common.

    Captions, labels and boxes of all its records come together, each once. Where splits or attributes differ, the
    first stays and the rest is listed as a problem.
    """
    items: dict[str, Item] = {}
    for where, item in records:
        name = key(item)
        items[name] = _joined(items[name], item, where, problems) if name in items else item
    yield from items.values()


def _joined(first: Item, second: Item, where: str, problems: Problems) -> Item:
    for name, value in second.attributes.items():
        if first.attributes.get(name, value) != value:
            problems.add(
                Kind.CONFLICT, where, f"{name} of {first.path} was {first.attributes[name]}, here it is {value}"
            )
    if second.split not in (None, first.split) and first.split is not None:
        problems.add(Kind.CONFLICT, where, f"{first.path} was in split {first.split}, here it is in {second.split}")
    return replace(
        first,
        split=first.split or second.split,
        captions=_once(first.captions, second.captions),
        labels=_once(first.labels, second.labels),
        attributes=second.attributes | first.attributes,
        boxes=_once(first.boxes, second.boxes),
    )


def _once(first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(chain(first, second)))
