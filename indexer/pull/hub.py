"""Files of a repository on the model hub, by the hub's own client: into its cache, resumed and checked."""

import threading
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

from indexer.config import Settings
from indexer.encoders import hub
from indexer.errors import PixloomError, PullError, UnreachableError
from indexer.models.shelf import here, recorded, write_record
from indexer.models.spec import ModelSpec
from indexer.pull.keep import require_space, sha256_of
from indexer.pull.meter import Meter
from indexer.types import OnProgress

_SMALL = ("*.json", "*.model", "merges.txt", "vocab.txt")
"""What open_clip and transformers read beside the weights."""
_BETWEEN = 0.2


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on the hub; sha256 only of large ones."""

    repository: str
    name: str
    size: int
    sha256: str | None


def fetch(spec: ModelSpec, settings: Settings, on_progress: OnProgress) -> Path:
    """Bring a model's files into the hub's cache and check them; gives the file, or their folder."""
    if not hub.reachable(settings.hub_timeout):
        if here(spec, settings) == "yes":
            return hub.folder(spec.source)
        raise UnreachableError(
            f"{spec.name} isn't (all) here and the model hub can't be reached: connect, and pull again."
        )
    try:
        files, digest = _fetch(spec, on_progress)
    except PixloomError:
        raise
    except Exception as error:  # the client raises whatever its parts raise
        raise _explained(spec, settings, error) from error
    sizes = {str(path): remote.size for remote, path in files.items()}
    if sizes != recorded(spec, settings):
        write_record(spec, settings, sizes, digest)
    first, path = next(iter(files.items()))
    return path if len(files) == 1 else path.parents[first.name.count("/")]


def _fetch(spec: ModelSpec, on_progress: OnProgress) -> tuple[dict[Remote, Path], str | None]:
    """The files in the cache, and the checksum where one of them is large."""
    remotes = _wanted(spec)
    whole = {remote for remote in remotes if _is_whole(remote)}
    folder = hub.folder(spec.source)
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, sum(remote.size for remote in remotes if remote not in whole))
    with _watched(remotes, whole, Meter(on_progress, total=sum(remote.size for remote in remotes))):
        files = {remote: _download(remote) for remote in remotes}
    for remote, path in files.items():
        files[remote] = _checked(spec, remote, path, remote in whole, on_progress)
    large = [remote.sha256 for remote in remotes if remote.sha256]
    return files, large[0] if len(large) == 1 else None


def _wanted(spec: ModelSpec) -> list[Remote]:
    """The files to fetch: the model's own, the weights first, then what it needs beside it."""
    own = _remotes(spec.source)
    if spec.files:
        chosen = [remote for remote in own if _matches(remote.name, spec.files)]
    else:
        names = [remote.name for remote in own]
        weights = next((name for name in hub.WEIGHTS if name in names), "")
        chosen = [remote for remote in own if remote.name == weights or _matches(remote.name, _SMALL)]
        chosen.sort(key=lambda remote: remote.name != weights)
        if not weights:
            chosen = []
    if not chosen:
        raise PullError(f"{spec.source} on the model hub has no weights of {spec.name}.")
    return chosen + [remote for other in spec.beside for remote in _remotes(other) if _matches(remote.name, _SMALL)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _remotes(repository: str) -> list[Remote]:
    from huggingface_hub import HfApi, constants

    info = HfApi(endpoint=constants.ENDPOINT).model_info(repository, files_metadata=True)
    return [
        Remote(repository, file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or ()
    ]


def _download(remote: Remote) -> Path:
    from huggingface_hub import constants, hf_hub_download

    if not _is_whole(remote):
        _forget(remote)
    return Path(hf_hub_download(remote.repository, remote.name, endpoint=constants.ENDPOINT))


def _is_whole(remote: Remote) -> bool:
    """Whether the cache has the file in its full size."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(remote.repository, remote.name)
    return isinstance(path, str) and Path(path).is_file() and Path(path).stat().st_size == remote.size


def _forget(remote: Remote) -> None:
    """Take a damaged file out of the cache, so that the client fetches it again."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(remote.repository, remote.name)
    if isinstance(path, str):
        Path(path).resolve().unlink(missing_ok=True)
        Path(path).unlink(missing_ok=True)


def _checked(spec: ModelSpec, remote: Remote, path: Path, old: bool, on_progress: OnProgress) -> Path:
    """The file, if it is what the hub says it holds. Otherwise it is deleted; one that was in the cache before is
    fetched once more, for another PullError is raised."""
    found = sha256_of(path, on_progress) if remote.sha256 else None
    if found == remote.sha256 and path.stat().st_size == remote.size:
        return path
    _forget(remote)
    if old:
        return _checked(spec, remote, _download(remote), False, on_progress)
    raise PullError(
        f"{remote.name} of {spec.name} was deleted, for it came damaged: its sha256 is {found}, not {remote.sha256}. "
        "Pull again."
    )


def _explained(spec: ModelSpec, settings: Settings, error: Exception) -> Exception:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, OSError) and error.errno:
        return error  # of the disk
    if isinstance(error, GatedRepoError):
        return PullError(
            f"{spec.source} asks for its licence to be accepted: do so on its page, `hf auth login`, pull again."
        )
    if isinstance(error, RepositoryNotFoundError):
        return PullError(f"The model hub has no {spec.source} that everyone may have.")
    if not hub.reachable(settings.hub_timeout):
        return UnreachableError(f"The model hub went away while {spec.name} was fetched: pull again to go on.")
    reason = (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")
    return PullError(f"{spec.name} can't be fetched from the model hub: {reason[:300]}. Pull again to go on.")


@contextmanager
def _watched(remotes: Sequence[Remote], whole: Set[Remote], meter: Meter) -> Iterator[None]:
    """While the client works, report how much there is: its own bars are told apart by version, files are not."""
    bars = import_module("huggingface_hub.utils")
    folders = sorted({hub.folder(remote.repository) / "blobs" for remote in remotes})
    other = _weight(folders, begun=False) - sum(remote.size for remote in whole)
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(_BETWEEN):
            meter.at(max(_weight(folders) - other, 0))

    were_off = bars.are_progress_bars_disabled()
    bars.disable_progress_bars()
    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if not were_off:
            bars.enable_progress_bars()


def _weight(folders: Sequence[Path], begun: bool = True) -> int:
    """Bytes in the folders; with those of files that are not whole yet, or without."""
    size = 0
    for folder in folders:
        for path in folder.glob("*"):
            if not begun and path.suffix == ".incomplete":
                continue
            try:
                size += path.stat().st_size
            except OSError:  # the client has just renamed it
                continue
    return size
