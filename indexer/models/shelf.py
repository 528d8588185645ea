"""Which models are here, and where: in the home folder, in the hub's cache, or installed."""

import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from indexer.config import Settings
from indexer.models.spec import ModelSpec
from indexer.models.table import TABLE
from indexer.models.trained import trained

Here = Literal["yes", "no", "partly", "damaged"]
"""`partly`: begun, or laid there by hand and not checked yet; `damaged`: another size than it was pulled with."""

RECORD = "pulled.json"


def listed(settings: Settings) -> tuple[ModelSpec, ...]:
    """Every model: those of the table, and those that were trained here."""
    return (*TABLE, *trained(settings))


def shelf(spec: ModelSpec, settings: Settings) -> Path:
    """The folder that holds what was pulled of a model; it need not exist."""
    return settings.models / spec.folder


def target(spec: ModelSpec, settings: Settings) -> Path:
    """Where the one file of a model from a URL or a package is, or will be."""
    name = spec.files[0] if spec.files else spec.source
    return shelf(spec, settings) / name.rsplit("/", 1)[-1]


def here(spec: ModelSpec, settings: Settings) -> Here:
    """Whether a model is here, told quickly: by names and sizes, not by checksums."""
    match spec.origin:
        case "trained":
            return "yes"
        case "dependency":
            return "yes" if all(map(_installed, spec.source.split())) else "no"
        case "hub":
            return _in_cache(spec, settings)
        case _:
            return _on_shelf(spec, settings)


def write_record(spec: ModelSpec, settings: Settings, files: dict[str, int], sha256: str | None) -> None:
    """Note beside a model what was pulled: `files` are paths and sizes in bytes."""
    told = {"name": spec.name, "source": spec.source, "files": files, "sha256": sha256}
    told["when"] = datetime.now(UTC).isoformat(timespec="seconds")
    folder = shelf(spec, settings)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{RECORD}"
    draft.write_text(json.dumps(told, indent=2), encoding="utf-8")
    draft.replace(folder / RECORD)


def recorded(spec: ModelSpec, settings: Settings) -> dict[str, int]:
    """Paths and sizes of the files that were pulled of a model; empty where nothing was or it can't be read."""
    try:
        told: Any = json.loads((shelf(spec, settings) / RECORD).read_text(encoding="utf-8"))
        return {str(path): int(size) for path, size in told["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def recorded_at(spec: ModelSpec, settings: Settings) -> int | None:
    """When the record was written, in ns; None where there is none."""
    try:
        return (shelf(spec, settings) / RECORD).stat().st_mtime_ns
    except OSError:
        return None


def _on_shelf(spec: ModelSpec, settings: Settings) -> Here:
    path = target(spec, settings)
    sizes = recorded(spec, settings)
    if not path.is_file():
        return "partly" if path.with_name(f"{path.name}.part").exists() else "no"
    if str(path.name) not in sizes:
        return "partly"
    return "yes" if path.stat().st_size == sizes[path.name] else "damaged"


def _in_cache(spec: ModelSpec, settings: Settings) -> Here:
    from indexer.encoders import hub  # not above: encoders are found by way of the table

    sizes = {Path(path): size for path, size in recorded(spec, settings).items()}
    present = [path for path in sizes if path.is_file()]
    if any(path.stat().st_size != sizes[path] for path in present):
        return "damaged"
    if present and len(present) == len(sizes):
        return "yes"
    if spec.task == "encoder" and hub.cached(spec.source):
        return "yes"
    return "partly" if present or hub.begun(spec.source) else "no"


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
