"""One file at a URL."""

from pathlib import Path
from urllib.parse import urlsplit

from indexer.config import Settings
from indexer.encoders.hub import reachable
from indexer.errors import UnreachableError
from indexer.models.shelf import target
from indexer.models.spec import ModelSpec
from indexer.pull.keep import keep, kept, require_space
from indexer.pull.meter import Meter
from indexer.pull.ranges import Remote, download
from indexer.types import OnProgress


def fetch(spec: ModelSpec, settings: Settings, on_progress: OnProgress) -> Path:
    """Download `spec.source` to where `target` says; what has come stays in a file NAME.part until it is whole."""
    if path := kept(spec, settings, on_progress):
        return path
    path = target(spec, settings)
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    server = urlsplit(spec.source)
    if not reachable(settings.hub_timeout, f"{server.scheme}://{server.netloc}/"):
        raise UnreachableError(
            f"{spec.name} isn't here and {server.netloc} can't be reached: connect, or lay the file of {spec.source} "
            f"into {path.parent} and pull again, which then only checks it."
        )
    require_space(path.parent, spec.size - (part.stat().st_size if part.exists() else 0))
    download(Remote(spec.name, spec.source, spec.size), part, Meter(on_progress, total=spec.size))
    return keep(spec, settings, part, on_progress)
