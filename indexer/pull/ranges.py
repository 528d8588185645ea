"""A file by HTTP: what is there already is kept, and the rest asked for (RFC 9110, range requests)."""

import http.client
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from indexer import __version__
from indexer.errors import PullError
from indexer.models.spec import in_bytes
from indexer.pull.keep import of_the_disk
from indexer.pull.meter import Meter

_PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""
_TRIES = 3
"""How often in a row a connection may break without having brought anything."""
_BLOCK = 2**20
_PASSING = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at an address, and its exact size in bytes; `name` is what users know it by."""

    name: str
    address: str
    size: int


def download(remote: Remote, part: Path, meter: Meter) -> None:
    """Fetch what `part` lacks, until it has the size, however often the connection breaks, as long as every few
    tries bring something. Raises PullError; what has come stays in `part`."""
    strikes, reason = 0, ""
    while strikes < _TRIES:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _go_on(remote, part, before, meter):
                return
            reason = "the connection broke"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)  # longer than the file is now
            elif error.code not in _PASSING:
                raise PullError(
                    f"{remote.address} can't be had: the server says {error.code} {error.reason}."
                ) from error
            reason = f"the server says {error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:  # of the network, which has many
            if of_the_disk(error):
                raise
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        strikes = 0 if after > before else strikes + 1
    done = part.stat().st_size if part.exists() else 0
    raise PullError(
        f"{remote.name} came to {in_bytes(done)} of {in_bytes(remote.size)}, then no further ({reason}): pull again "
        "to go on from there."
    )


def _go_on(remote: Remote, part: Path, done: int, meter: Meter) -> bool:
    """Append what is missing; whether the file is whole now."""
    headers = {"User-Agent": f"pixloom/{__version__}", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    request = urllib.request.Request(remote.address, headers=headers)
    with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
        if response.status != http.client.PARTIAL_CONTENT or _start(response.headers) != done:
            done = 0  # the server sends all of it, whatever was asked for
        length = _length(response.headers.get("Content-Length"))
        _expect(remote, remote.size if length is None else done + length)
        with part.open("ab" if done else "wb") as file:
            while block := response.read1(_BLOCK):
                file.write(block)
                file.flush()  # a pull that is killed loses nothing that came
                done += len(block)
                meter.at(done)
                _expect(remote, max(done, remote.size))
    return done == remote.size


def _expect(remote: Remote, size: int) -> None:
    """Refuse what can't be the pinned file before all of it has come."""
    if size != remote.size:
        raise PullError(
            f"{remote.address} holds another file now than the one that is pinned for {remote.name}: it has {size:,} "
            f"bytes or more, not {remote.size:,}."
        )


def _length(header: str | None) -> int | None:
    return int(header) if header and header.isdecimal() else None


def _start(headers: http.client.HTTPMessage) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None
