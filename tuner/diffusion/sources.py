"""Where a diffusion model is: a name of the table, of the hub, a folder or a file -> what can be loaded."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from indexer.config import Settings
from indexer.errors import NotFoundError, UsageError
from indexer.models import find
from indexer.models.shelf import here
from indexer.models.spec import ModelSpec, in_bytes
from indexer.models.table import TABLE

ENDINGS = (".safetensors", ".ckpt")
"""Single files of weights; of the latter only tensors are read, never code."""
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """A model that is here, and how it is meant to be used, where that is known."""

    name: str
    """As the user knows it."""
    path: Path
    """A folder in diffusers' format, or a single file of weights."""
    remedy: str
    """What to do where files of it are missing."""
    steps: int | None = None
    guidance: float | None = None
    side: int | None = None
    """Pixels of the square that it was made for."""

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Names, sizes and times of its files: another stamp is another model."""
        files = [self.path] if self.path.is_file() else sorted(one for one in self.path.rglob("*") if one.is_file())
        return tuple((str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in files)


def find_source(name: str, settings: Settings) -> Source:
    """The model of that name, which `chosen_model` has put in the place of `auto`.

    An absolute path is a folder or file of this machine (`settled` makes paths absolute, and refuses them over the
    network). Nothing is fetched. NotFoundError for a path that isn't there, UsageError for a model that isn't here,
    with the command that fetches it and its size.
    """
    spec = find(name)
    if spec is not None:
        return _of_table(spec, settings)
    if Path(name).is_absolute():
        return _of_path(Path(name))
    if not _HUB_ID.fullmatch(name):
        names = [one.name for one in TABLE if one.modes]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"There is no diffusion model {name!r}.{hint} Valid: auto, {', '.join(names)}, a hub id such as "
            "ORG/NAME, or the path of a folder or file."
        )
    known = next((one for one in TABLE if one.modes and one.source == name), None)
    return _of_table(known, settings) if known else _of_hub(name)


def _of_table(spec: ModelSpec, settings: Settings) -> Source:
    """A model of the table. UsageError for one of another task, or that isn't here whole."""
    remedy = f"`pixloom models pull {spec.name}`"
    if not spec.modes:
        raise UsageError(f"{spec.name} is no diffusion model: it is for {spec.task}.")
    state = here(spec, settings)
    if state == "no":
        raise UsageError(f"The model {spec.name} isn't here: {remedy} ({in_bytes(spec.size)}).")
    path = snapshot(spec.source)
    if path is None:
        raise UsageError(f"The model {spec.name} is only partly here: {remedy} goes on with it.")
    return Source(spec.name, path, f"{remedy} finishes it", spec.steps, spec.guidance, spec.side)


def _of_hub(name: str) -> Source:
    remedy = f"`hf download {name}`"
    path = snapshot(name)
    if path is None:
        raise UsageError(
            f"The model {name} isn't here, and isn't one that `pixloom models` knows: {remedy} fetches it."
        )
    return Source(name, path, f"{remedy} finishes it")


def _of_path(path: Path) -> Source:
    if not path.exists():
        raise NotFoundError(f"There is no model {path}.")
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path.name} can't be a diffusion model: a file of one ends in {' or '.join(ENDINGS)}.")
    return Source(path.name, path, "get it again from where it came from")


def snapshot(repository: str) -> Path | None:
    """The folder of the hub's cache that holds a repository, whole or not; None where nothing of it is there."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (OSError, ValueError):  # LocalEntryNotFoundError is both
        return None
