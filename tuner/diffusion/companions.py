"""What goes with a diffusion model: ControlNets and IP-Adapters of its family, and where they lie."""

import json
from pathlib import Path

from indexer.config import Settings
from indexer.errors import UsageError
from indexer.models import find
from indexer.models.licence import accepted, require_accepted
from indexer.models.shelf import here, recorded
from indexer.models.spec import ModelSpec, in_bytes
from indexer.models.table import TABLE
from tuner.diffusion.sources import Source, find_source, snapshot

DEPTH = "depth-anything-v2-small"
_CROSS_ATTENTION = {768: "sd15", 2048: "sdxl"}
"""Width of what a UNet is told in words -> its family."""


def has_image_conditioning(model: str, settings: Settings) -> bool:
    """Whether a model takes pictures as reference, and what it needs for that is here. Raises what `find_source`
    raises."""
    spec = companion(find_source(model, settings), "picture")
    return spec is not None and accepted(spec, settings) and pulled_file(spec, settings) is not None


def family_of(source: Source) -> str:
    """The family of a model, by the table or its configuration; empty where it can't be told."""
    spec = find(source.name)
    if spec is not None and spec.family:
        return spec.family
    try:
        config = json.loads((source.path / "unet" / "config.json").read_text(encoding="utf-8"))
        return _CROSS_ATTENTION.get(config["cross_attention_dim"], "")
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def companion(source: Source, condition: str) -> ModelSpec | None:
    """What the table has for a model to follow `edges`, `depth` or a `picture`; None where it has nothing."""
    return _of_family(family_of(source), condition)


def companion_file(source: Source, condition: str, settings: Settings) -> Path:
    """The first file of a model's companion.

    UsageError where there is none, which names the models that have one, or where it isn't here, with the command
    that fetches it; ForbiddenError where its licence has to be accepted first.
    """
    spec = companion(source, condition)
    if spec is None:
        raise refusal(source, condition)
    return _file(spec, settings)


def network_file(name: str, settings: Settings) -> Path:
    """Where a network lies that a parameter names: a name of the table, a hub id, a folder or a file.

    UsageError where it isn't here; ForbiddenError where its licence has to be accepted first.
    """
    spec = find(name)
    if spec is not None:
        return _file(spec, settings)
    if Path(name).is_absolute():
        return Path(name)
    folder = snapshot(name)
    if folder is None:
        raise UsageError(f"There is no network {name!r} here: give a name of `pixloom models`, a hub id, or a path.")
    return folder


def refusal(source: Source, condition: str) -> UsageError:
    """The error for a model that knows nothing of a condition: it names the models that do."""
    known = [one.name for one in TABLE if one.task == "generate" and _of_family(one.family, condition)]
    return UsageError(
        f"{source.name} takes no {_WHAT[condition]}: models that do are {', '.join(known)}, and others of their kinds "
        "where you name a network for it."
    )


def pulled_file(spec: ModelSpec, settings: Settings) -> Path | None:
    """Where the first of a hub model's files lies, if it was pulled."""
    if here(spec, settings) != "yes":
        return None
    return next((Path(path) for path in recorded(spec, settings) if Path(path).match(spec.files[0])), None)


_WHAT = {"edges": "control by edges", "depth": "control by depth", "picture": "pictures as reference"}


def _of_family(family: str, condition: str) -> ModelSpec | None:
    return next((one for one in TABLE if family and one.family == family and one.condition == condition), None)


def _file(spec: ModelSpec, settings: Settings) -> Path:
    require_accepted(spec, settings)
    path = pulled_file(spec, settings)
    if path is None:
        raise UsageError(f"{spec.name} isn't here: `pixloom models pull {spec.name}` ({in_bytes(spec.size)}).")
    return path
