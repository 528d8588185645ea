"""The questions a demo asks: about its own pictures, or about a folder that nobody has seen before."""

from pathlib import Path

from indexer.collection import Collection
from search.engine import Engine

Lines = tuple[str, ...]
"""Queries in the query language."""

_STAMPS = "tuxpaint-stamps-default"
_WORDS = ("a cat", "a cup of coffee", "an astronaut")
_WITH_STAMPS = (
    "a musical instrument",
    "a musical instrument - a guitar",
    "{scikit-image/chelsea.png}",
    f"{{{_STAMPS}/plants/flowers/marigold.png}}",
    f"{{{_STAMPS}/plants/flowers/marigold.png}} + 2*an insect",
    "{scikit-image/coffee.png}[120,40,340,260]",
)
_WITHOUT_STAMPS = (
    "a vehicle",
    "a vehicle - a motorcycle",
    "{scikit-image/motorcycle_left.png}",
    "{scikit-learn/flower.jpg} + an orange",
    "{scikit-image/astronaut.png}[300,280,200,220]",
)
"""A file in braces stands for its number in the collection."""

_SUBJECTS = (
    *("a dog", "a cat", "a bird", "a flower", "a tree", "a mountain", "the sea", "snow", "a beach", "a sunset"),
    *("people", "a child", "food on a plate", "a cake", "a car", "a bicycle", "a boat", "a house", "a city street"),
    *("a room", "a book", "a computer", "a map", "text on paper"),
)
"""What is often in people's pictures."""


def of_demo(collection: Collection, folder: Path) -> Lines:
    """Questions that suit the pictures that `api.demo.gather` put into `folder`."""
    lines = _WORDS + (_WITH_STAMPS if (folder / _STAMPS).exists() else _WITHOUT_STAMPS)
    return tuple(line for template in lines if (line := _with_numbers(template, collection, folder)))


def of_folder(engine: Engine, folder: Path) -> Lines:
    """Questions for any pictures: the subjects that are found best below `folder`, and the best picture itself."""
    found = []
    for subject in _SUBJECTS:
        answers = [result for result in engine.search(subject, k=100).results if below(folder, result.path)]
        if answers:
            found.append((answers[0].score, subject, answers[0].id))
    found.sort(reverse=True)
    if len(found) < 2:
        return tuple(subject for _, subject, _ in found)
    (_, first, best), (_, second, _), *_ = found
    words = tuple(subject for _, subject, _ in found[:4])
    return (*words, f"{first} - {second}", f"#{best}", f"#{best} + {second}")


def below(folder: Path, path: str) -> bool:
    """Whether a picture lies in the folder, or is the one file that was named."""
    return Path(path).is_relative_to(folder)


def _with_numbers(template: str, collection: Collection, folder: Path) -> str | None:
    """The template with `#12` for its file; None where the collection doesn't have that."""
    if not template.startswith("{"):
        return template
    name, rest = template[1:].split("}")
    id = collection.catalog.find(path=folder / name)
    return None if id is None else f"#{id}{rest}"
