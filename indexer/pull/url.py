"""One file by HTTP: what is there already is kept, and the rest asked for (RFC 9110, range requests)."""

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from indexer import __version__
from indexer.config import Settings
from indexer.encoders.hub import reachable
from indexer.errors import PullError, UnreachableError
from indexer.models.shelf import target
from indexer.models.spec import ModelSpec, in_bytes
from indexer.pull.keep import keep, kept, require_space
from indexer.pull.meter import Meter
from indexer.types import OnProgress

_PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""
_TRIES = 3
"""How often in a row a connection may break without having brought anything."""
_BLOCK = 2**20
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


def fetch(spec: ModelSpec, settings: Settings, on_progress: OnProgress) -> Path:
    """Download `spec.source` to where `target` says; what has come stays in a file NAME.part until it is whole."""
    if path := kept(spec, settings, on_progress):
        return path
    path = target(spec, settings)
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not reachable(settings.hub_timeout, f"{urlsplit(spec.source).scheme}://{urlsplit(spec.source).netloc}/"):
        raise UnreachableError(
            f"{spec.name} isn't here and {urlsplit(spec.source).netloc} can't be reached: connect, or lay the file "
            f"of {spec.source} into {path.parent} and pull again, which then only checks it."
        )
    require_space(path.parent, spec.size - (part.stat().st_size if part.exists() else 0))
    _download(spec, part, Meter(on_progress))
    return keep(spec, settings, part, on_progress)


def _download(spec: ModelSpec, part: Path, meter: Meter) -> None:
    """Until the part is whole, however often the connection breaks, as long as every few tries bring something."""
    strikes, reason = 0, ""
    while strikes < _TRIES:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _go_on(spec, part, before, meter):
                return
            reason = "the connection broke"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)  # longer than the file is now
            elif error.code not in _PASSING:
                raise PullError(f"{spec.source} can't be had: the server says {error.code} {error.reason}.") from error
            reason = f"the server says {error.code} {error.reason}"
        except _BROKEN as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        strikes = 0 if after > before else strikes + 1
    done = part.stat().st_size if part.exists() else 0
    raise PullError(
        f"{spec.name} came to {in_bytes(done)} of {in_bytes(spec.size)}, then no further ({reason}): pull again to go "
        "on from there."
    )


def _go_on(spec: ModelSpec, part: Path, done: int, meter: Meter) -> bool:
    """Append what is missing; whether the file is whole now."""
    headers = {"User-Agent": f"pixloom/{__version__}", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    request = urllib.request.Request(spec.source, headers=headers)
    with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
        total = _length(response.headers.get("Content-Length"))
        if response.status == http.client.PARTIAL_CONTENT and _start(response.headers) == done:
            total = None if total is None else total + done
        else:  # the server sends all of it, whatever was asked for
            done = 0
        _expect(spec, total)
        with part.open("ab" if done else "wb") as file:
            while block := response.read1(_BLOCK):
                file.write(block)
                file.flush()  # a pull that is killed loses nothing that came
                done += len(block)
                meter.at(done, total)
                _expect(spec, done if done > spec.size else None)
    return done == total if total is not None else True


def _expect(spec: ModelSpec, size: int | None) -> None:
    """Refuse what can't be the pinned file before all of it has come."""
    if size is not None and size != spec.size:
        raise PullError(
            f"{spec.source} holds another file now than the one that is pinned for {spec.name}: it has {size:,} "
            f"bytes or more, not {spec.size:,}."
        )


def _length(header: str | None) -> int | None:
    return int(header) if header and header.isdecimal() else None


def _start(headers: http.client.HTTPMessage) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None
