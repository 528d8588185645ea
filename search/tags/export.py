"""Tags for product catalogues: a line for each picture, as CSV or JSON lines, however many there are."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from indexer.errors import UsageError
from search.tags.colours import colour_words
from search.tags.materials import is_material
from search.tags.pictures import Tagged

COLUMNS = ("id", "path", "tags", "probabilities", "sources", "colours", "materials")
_STEERING = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins like this for a formula."""


def export_lines(pictures: Iterable[Tagged], format: str) -> Iterator[str]:
    """The lines of an export, each with its end; UsageError for a format that there isn't."""
    if format not in FORMATS:
        raise UsageError(f"There is no export format {format!r}. Valid: {', '.join(FORMATS)}.")
    return FORMATS[format](pictures)


def _csv(pictures: Iterable[Tagged]) -> Iterator[str]:
    """RFC 4180. Lists are joined by `|`, in which a `|` of a name is written `\\|` and a backslash twice."""
    yield _csv_line(COLUMNS)
    for one in pictures:
        probabilities = ["" if tag.probability is None else f"{tag.probability:.4g}" for tag in one.tags]
        yield _csv_line(
            (
                one.id,
                one.paths[0],
                _joined(tag.name for tag in one.tags),
                "|".join(probabilities),
                "|".join("+".join(tag.sources) for tag in one.tags),
                _joined(word for word, _ in colour_words(one.colours)),
                _joined(_materials(one)),
            )
        )


def _jsonl(pictures: Iterable[Tagged]) -> Iterator[str]:
    for one in pictures:
        tree = {"id": one.id, "path": one.paths[0], **described(one)}
        yield json.dumps(tree, ensure_ascii=False) + "\n"


def described(one: Tagged) -> dict[str, Any]:
    """`tags`, `colours` and `materials` of a picture, for JSON."""
    return {
        "tags": [{"name": tag.name, "probability": tag.probability, "sources": list(tag.sources)} for tag in one.tags],
        "colours": [{"name": word, "share": share} for word, share in colour_words(one.colours)],
        "materials": _materials(one),
    }


FORMATS: dict[str, Callable[[Iterable[Tagged]], Iterator[str]]] = {"csv": _csv, "jsonl": _jsonl}
"""Format, by which its files end -> its lines."""


def _materials(one: Tagged) -> list[str]:
    return [tag.name for tag in one.tags if is_material(tag.own_name)]


def _joined(names: Iterable[str]) -> str:
    return "|".join(name.replace("\\", "\\\\").replace("|", "\\|") for name in names)


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_safe(str(cell)) for cell in cells])
    return line.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_STEERING) else cell
