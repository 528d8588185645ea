"""Files of a repository on the model hub, in the cache of the hub's own client, where everything looks for them.

Large files are fetched here, for the client gives up what it has when it is stopped; the rest, and the order in
its cache, is left to it.
"""

from collections.abc import Iterator, Sequence
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
from indexer.pull.keep import of_the_disk, require_space, sha256_of
from indexer.pull.meter import Meter
from indexer.pull.ranges import Remote, download
from indexer.types import OnProgress

_SMALL = ("*.json", "*.model", "merges.txt", "vocab.txt")
"""What open_clip and transformers read beside the weights."""


@dataclass(frozen=True, slots=True)
class File:
    """A file on the hub. `sha256` only of large ones; they are `free` where no token is needed."""

    repository: str
    name: str
    size: int
    sha256: str | None
    free: bool


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
    sizes = {str(path): file.size for file, path in files.items()}
    if sizes != recorded(spec, settings):
        write_record(spec, settings, sizes, digest)
    first, path = next(iter(files.items()))
    return path if len(files) == 1 else path.parents[first.name.count("/")]


def _fetch(spec: ModelSpec, on_progress: OnProgress) -> tuple[dict[File, Path], str | None]:
    """The files in the cache, and the checksum where one of them is large."""
    wanted = _wanted(spec)
    folder = hub.folder(spec.source)
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, sum(file.size for file in wanted if not _whole(file)))
    meter = Meter(on_progress, total=sum(file.size for file in wanted))
    files = {}
    with _quiet():
        for file in wanted:
            files[file] = _got(spec, file, meter, on_progress)
            meter.before += file.size
            meter.at(0)
    large = [file.sha256 for file in wanted if file.sha256]
    return files, large[0] if len(large) == 1 else None


def _got(spec: ModelSpec, file: File, meter: Meter, on_progress: OnProgress) -> Path:
    """The file in the cache, fetched where it isn't there or isn't what the hub says it holds."""
    from huggingface_hub import constants, hf_hub_download

    path = _whole(file)
    if path and (not file.sha256 or sha256_of(path, on_progress) == file.sha256):
        return path
    _forget(file)
    if file.sha256 and file.free:
        _fetch_blob(spec, file, file.sha256, meter, on_progress)
    return Path(hf_hub_download(file.repository, file.name, endpoint=constants.ENDPOINT))


def _fetch_blob(spec: ModelSpec, file: File, sha256: str, meter: Meter, on_progress: OnProgress) -> None:
    """Fetch a file to where the client will find it: under its checksum."""
    from huggingface_hub import constants, hf_hub_url

    blob = hub.folder(file.repository) / "blobs" / sha256
    if blob.is_file() and sha256_of(blob, on_progress) == sha256:
        return  # a pull was stopped right after it
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{sha256}.pixloom.incomplete")
    address = hf_hub_url(file.repository, file.name, endpoint=constants.ENDPOINT)
    download(Remote(f"{file.name} of {spec.name}", address, file.size), part, meter)
    found = sha256_of(part, on_progress)
    if found != sha256:
        part.unlink()
        raise PullError(
            f"{file.name} of {spec.name} was deleted, for it came damaged: its sha256 is {found}, not {sha256}. "
            "Pull again."
        )
    part.replace(blob)


def _wanted(spec: ModelSpec) -> list[File]:
    """The files to fetch: the model's own, the weights first, then what it needs beside it."""
    own = _files(spec.source)
    if spec.files:
        chosen = [file for file in own if _matches(file.name, spec.files)]
    else:
        names = [file.name for file in own]
        weights = next((name for name in hub.WEIGHTS if name in names), "")
        chosen = [file for file in own if file.name == weights or _matches(file.name, _SMALL)]
        chosen.sort(key=lambda file: file.name != weights)
        if not weights:
            chosen = []
    if not chosen:
        raise PullError(f"{spec.source} on the model hub has no weights of {spec.name}.")
    return chosen + [file for other in spec.beside for file in _files(other) if _matches(file.name, _SMALL)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _files(repository: str) -> list[File]:
    from huggingface_hub import HfApi, constants

    info = HfApi(endpoint=constants.ENDPOINT).model_info(repository, files_metadata=True)
    free = not info.gated and not info.private
    return [
        File(repository, file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None, free)
        for file in info.siblings or ()
    ]


def _whole(file: File) -> Path | None:
    """Where the cache has the file, if it does in its full size."""
    path = _cached(file)
    return path if path and path.is_file() and path.stat().st_size == file.size else None


def _cached(file: File) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(file.repository, file.name)
    return Path(path) if isinstance(path, str) else None


def _forget(file: File) -> None:
    """Take a damaged file out of the cache, so that it is fetched again."""
    if path := _cached(file):
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _explained(spec: ModelSpec, settings: Settings, error: Exception) -> Exception:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if of_the_disk(error):
        return error
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
def _quiet() -> Iterator[None]:
    """Within it, the client shows no bars of its own."""
    bars = import_module("huggingface_hub.utils")
    were_off = bars.are_progress_bars_disabled()
    bars.disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            bars.enable_progress_bars()
