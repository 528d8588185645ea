"""All tasks of restoration on folders of clean pictures, which are degraded here: `pixloom evaluate restoration`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.errors import NotFoundError, PictureError, UsageError
from indexer.formats import is_picture_name
from indexer.limits import Limits
from tuner.evaluate import TASKS, evaluate
from tuner.evaluate.comparison import Truth
from tuner.lineage.opening import open_raster
from tuner.work import Work

USUAL = ("upscale", "denoise", "dejpeg", "deblur", "lowlight", "dehaze", "inpaint", "scratches")
"""Tasks that any clean picture will do for; `colorize` needs an indexed collection too, `style` pairs of pictures."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The pictures of one folder."""

    name: str
    paths: tuple[Path, ...]


def evaluate_restoration(data: Path, work: Work, tasks: Sequence[str] = (), limit: int | None = None) -> dict[str, Any]:
    """Figures of every task on every folder of pictures at or just below `data`, a row for each case and method.

    At most `limit` pictures of a folder, by name. A picture that can't be read is listed in `failed` and left out.
    Raises UsageError for an unknown task or no pictures, NotFoundError.
    """
    wanted = tuple(tasks) or USUAL
    for task in wanted:
        if task not in TASKS:
            raise UsageError(f"There is no task {task!r}. Valid: {', '.join(TASKS)}.")
    folders = read_folders(data, limit)
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for folder in folders:
        truths = _truths(folder, work, failed)
        for task in wanted if truths else ():
            rows += [{"data": folder.name, **asdict(row)} for row in evaluate(task, truths, work)]
    return {"data": str(data), "tasks": list(wanted), "rows": rows, "failed": failed}


def read_folders(data: Path, limit: int | None = None) -> list[Folder]:
    """The folders that hold pictures: `data` itself, or those below it whose names don't begin with `old`."""
    if not data.is_dir():
        raise NotFoundError(f"There is no folder {data}: name one that holds clean pictures, or folders of them.")
    candidates = [data, *sorted(one for one in data.iterdir() if one.is_dir() and not one.name.startswith("old"))]
    found = [Folder(one.name, tuple(_pictures(one)[:limit])) for one in candidates]
    folders = [one for one in found if one.paths]
    if not folders:
        raise UsageError(f"{data} holds no pictures, nor do the folders in it.")
    return folders


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and is_picture_name(path.name))


def _truths(folder: Folder, work: Work, failed: list[dict[str, str]]) -> list[Truth]:
    truths = []
    for path in folder.paths:
        try:
            truths.append(Truth(path.stem, open_raster(path, Limits.of(work.settings)).rgb))
        except PictureError as error:
            failed.append({"path": str(path), "reason": str(error)})
    return truths
