"""What an error is called outside: the problem document (RFC 9457) that HTTP and `--json` both give."""

import re
from typing import Any

from indexer.errors import (
    BusyError,
    CapacityError,
    DamageError,
    DependencyError,
    DiskFullError,
    EncoderError,
    ForbiddenError,
    HomeError,
    LimitError,
    NewerCatalogError,
    NotFoundError,
    PictureError,
    PixloomError,
    PullError,
    QualityError,
    StoppedError,
    TuneError,
    UnreachableError,
    UsageError,
)

_PROBLEMS: dict[type[PixloomError], tuple[int, str]] = {
    UsageError: (400, "The request is wrong"),
    NotFoundError: (404, "Not found"),
    LimitError: (429, "Too much at once"),
    PictureError: (422, "Not a readable picture"),
    EncoderError: (503, "The encoder can't be used"),
    UnreachableError: (503, "The model hub can't be reached"),
    PullError: (502, "The model can't be fetched"),
    TuneError: (422, "No outcome"),
    QualityError: (422, "The outcome is unusable"),
    CapacityError: (413, "It doesn't fit into memory"),
    ForbiddenError: (403, "Not allowed"),
    StoppedError: (409, "It was stopped"),
    DependencyError: (503, "A package is missing"),
    HomeError: (500, "The home folder can't be used"),
    BusyError: (409, "Another process is writing"),
    NewerCatalogError: (503, "The catalogue is of a newer version"),
    DiskFullError: (507, "No space is left"),
    DamageError: (500, "The index is damaged"),
    PixloomError: (500, "It can't be done"),
}
"""Error -> HTTP status and title; a subclass that isn't named here takes its parent's."""


def problem(error: PixloomError) -> dict[str, Any]:
    """The problem document of an error that was raised on purpose."""
    kind = next(parent for parent in type(error).__mro__ if parent in _PROBLEMS)
    status, title = _PROBLEMS[kind]
    return document(status, title, str(error), _type(kind))


def document(status: int, title: str, detail: str, kind: str = "about:blank") -> dict[str, Any]:
    """A problem document; `kind` names the sort of problem for programs."""
    return {"type": kind, "title": title, "status": status, "detail": detail}


def _type(kind: type[PixloomError]) -> str:
    words = re.findall(r"[A-Z][a-z]+", kind.__name__.removesuffix("Error"))
    return "urn:pixloom:problem:" + "-".join(words).lower()
