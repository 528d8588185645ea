"""Data sets of what people liked: which files a folder holds tells their format, and a bad line is listed."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import NotFoundError, UsageError
from indexer.sources.problems import Kind, Problems
from indexer.sources.text import open_text
from search.taste.histories import Likes

LIKED = 4.0
"""The rating from which an item counts as liked."""
_RATINGS, _TRAIN, _TEST = "ratings.csv", "data1.txt", "test1.txt"
_COLUMNS = {
    "user": ("userid", "user_id", "user"),
    "item": ("movieid", "itemid", "item_id", "movie_id", "item"),
    "rating": ("rating", "stars", "score"),
    "time": ("timestamp", "time"),
}


@dataclass(frozen=True, slots=True)
class Ratings:
    """What people liked, by one data set; `test` [n] are the likes that the data themselves hold out, None where they
    leave that to whoever measures."""

    name: str
    likes: Likes
    test: NDArray[np.bool_] | None
    read: int
    """Lines that could be used."""
    problems: Problems = field(default_factory=Problems)


def is_ratings(path: Path) -> bool:
    """Whether `read_ratings` would know the files of this folder, or this file, by their names."""
    return _format(path) is not None


def read_ratings(path: Path) -> Ratings:
    """The ratings below a folder: `ratings.csv` with a heading (user, item, rating, maybe timestamp; rated 4 or more
    is liked, and of several ratings of one item the last one counts), or `data1.txt` and `test1.txt` of lines
    "user item count", of which all above 0 are liked.

    Lines that can't be used are listed as problems. Raises NotFoundError where there is no such folder, UsageError
    where it holds neither, or nobody in it likes anything.
    """
    if not path.exists():
        raise NotFoundError(f"There is no file or folder {path}: check the spelling.")
    read = _format(path)
    if read is None:
        raise UsageError(
            f"{path} holds no ratings: it needs {_RATINGS} with columns for user, item and rating, "
            f"or {_TRAIN} and {_TEST} with lines of user, item and count."
        )
    found = read(path)
    if not len(found.likes):
        listed = "; ".join(f"{one.where}: {one.what}" for one in found.problems.listed[:3])
        raise UsageError(f"Nobody likes anything in {path}{': ' + listed if listed else ''}.")
    return found


def _format(path: Path) -> Callable[[Path], Ratings] | None:
    if (path / _RATINGS).is_file() or (path.name == _RATINGS and path.is_file()):
        return _rated
    if (path / _TRAIN).is_file() and (path / _TEST).is_file():
        return _counted
    return None


def _rated(path: Path) -> Ratings:
    file, problems = path / _RATINGS if path.is_dir() else path, Problems()
    rows = list(_csv_rows(file, problems))
    last: dict[tuple[str, str], tuple[float, float]] = {}
    for user, item, rating, time in rows:
        known = last.get((user, item))
        if known is None or time >= known[1]:
            last[user, item] = rating, time
    liked = [(*pair, 1.0, time) for pair, (rating, time) in last.items() if rating >= LIKED]
    timed = any(time != 0 for *_, time in liked)
    return Ratings(
        (file.parent if file.name == _RATINGS else file).name, _likes(liked, timed), None, len(rows), problems
    )


def _counted(folder: Path) -> Ratings:
    problems, read = Problems(), 0
    counts: dict[tuple[str, str], float] = {}
    tested: dict[tuple[str, str], bool] = {}
    for name in (_TRAIN, _TEST):
        for user, item, count in _text_rows(folder / name, problems):
            read += 1
            if name == _TEST and tested.get((user, item)) is False:
                problems.add(Kind.CONFLICT, name, f"user {user} has item {item} in both parts: kept for training")
                continue
            counts[user, item] = counts.get((user, item), 0.0) + count
            tested[user, item] = name == _TEST
    likes = _likes([(*pair, count, 0.0) for pair, count in counts.items()], timed=False)
    return Ratings(folder.name, likes, np.array(list(tested.values()), np.bool_), read, problems)


def _likes(rows: Sequence[tuple[str, str, float, float]], timed: bool) -> Likes:
    """Numbers for names, in the order of the names as numbers where they are some."""
    users, items = _numbered([row[0] for row in rows]), _numbered([row[1] for row in rows])
    amounts = np.array([row[2] for row in rows], np.float32)
    times = np.array([row[3] for row in rows]).astype(np.int64) if timed else None
    return Likes(users[0], items[0], amounts, times, (users[1], items[1]))


def _numbered(names: list[str]) -> tuple[NDArray[np.int64], int]:
    known = sorted(set(names), key=_as_numbers)
    places = {name: place for place, name in enumerate(known)}
    return np.array([places[name] for name in names], np.int64), len(known)


def _as_numbers(name: str) -> tuple[bool, int, str, str]:
    # Numbers by their digits: Python refuses to read very long ones.
    digits = name.lstrip("0") if name.isdecimal() else ""
    return not name.isdecimal(), len(digits), digits, name


def _csv_rows(path: Path, problems: Problems) -> Iterator[tuple[str, str, float, float]]:
    with open_text(path, problems) as file:
        first = file.readline()
        delimiter = max(",\t;|", key=first.count)
        lines = csv.reader(chain([first], file), delimiter=delimiter, skipinitialspace=True)
        heading = [name.strip().casefold() for name in next(lines, [])]
        columns = {
            role: next((heading.index(n) for n in names if n in heading), None) for role, names in _COLUMNS.items()
        }
        if None in (columns["user"], columns["item"], columns["rating"]):
            raise UsageError(f"{path} needs columns userId, movieId and rating; its heading is {first.strip()[:80]!r}.")
        try:
            for cells in lines:
                if cells:
                    yield from _rating(cells, columns, f"{path.name} line {lines.line_num}", problems)
        except csv.Error as error:
            raise UsageError(f"{path} can't be read from line {lines.line_num} on ({error}).") from error


def _rating(
    cells: list[str], columns: dict[str, int | None], where: str, problems: Problems
) -> Iterator[tuple[str, str, float, float]]:
    try:
        user, item, rating = (cells[columns[role] or 0].strip() for role in ("user", "item", "rating"))
        time = _number(cells[columns["time"]]) if columns["time"] is not None else 0.0
        if not user or not item:
            raise ValueError("it has no user or no item")
        value = _number(rating)
        if value < 0:
            raise ValueError(f"the rating {rating} is below 0")
        yield user, item, value, time
    except (IndexError, ValueError) as error:
        what = "it has too few cells" if isinstance(error, IndexError) else error
        problems.add(Kind.RECORD, where, f"{what}: left out")


def _text_rows(path: Path, problems: Problems) -> Iterator[tuple[str, str, float]]:
    with open_text(path, problems) as file:
        for number, line in enumerate(file, 1):
            cells = line.split()
            if not cells:
                continue
            try:
                if len(cells) != 3:
                    raise ValueError(f"{len(cells)} cells where there should be user, item and count")
                count = _number(cells[2])
                if count <= 0:
                    raise ValueError(f"the count {cells[2]} isn't above 0")
                yield cells[0], cells[1], count
            except ValueError as error:
                problems.add(Kind.RECORD, f"{path.name} line {number}", f"{error}: left out")


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{cell.strip()[:40]!r} is no number") from None
    if not math.isfinite(value) or abs(value) >= 2**62:
        raise ValueError(f"{cell.strip()} is no usable number")
    return value
