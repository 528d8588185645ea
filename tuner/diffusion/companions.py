"""What goes with a diffusion model: ControlNets and IP-Adapters of its family, and where they lie."""

import json
from pathlib import Path

from indexer.config import Settings
from indexer.errors import UsageError
from indexer.models import find
from indexer.models.shelf import here, recorded
from indexer.models.spec import ModelSpec, in_bytes
from indexer.models.table import TABLE

_CROSS_ATTENTION = {768: "sd15", 2048: "sdxl"}
"""Width of what a UNet is told in words -> its family."""


def family_of(model: str) -> str:
    """The family of a model of the table (by name or hub id) or of a folder; empty where it can't be told."""
    spec = find(model) or next((one for one in TABLE if one.source == model and one.task == "generate"), None)
    if spec is not None:
        return spec.family
    try:
        config = json.loads((Path(model).expanduser() / "unet" / "config.json").read_text(encoding="utf-8"))
        return _CROSS_ATTENTION.get(config["cross_attention_dim"], "")
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def companion(model: str, condition: str) -> ModelSpec | None:
    """What the table has for a model to follow edges, depth or a picture; None where it has nothing."""
    family = family_of(model)
    return next((one for one in TABLE if family and one.family == family and one.condition == condition), None)


def companion_file(model: str, condition: str, settings: Settings) -> Path:
    """The first file of a model's companion.

    UsageError where there is none, which names the models that have one, or where it isn't here, with the command
    that fetches it.
    """
    spec = companion(model, condition)
    if spec is None:
        what = "pictures as reference" if condition == "picture" else f"control by {condition}"
        known = ", ".join(one.name for one in TABLE if one.task == "generate" and companion(one.name, condition))
        raise UsageError(f"{model} knows no {what}. Models that do: {known}. Or name a network of yours for it.")
    path = pulled_file(spec, settings)
    if path is None:
        raise UsageError(
            f"{model} needs {spec.name} for this: `pixloom models pull {spec.name}` ({in_bytes(spec.size)})."
        )
    return path


def pulled_file(spec: ModelSpec, settings: Settings) -> Path | None:
    """Where the first of a hub model's files lies, if it was pulled."""
    if here(spec, settings) != "yes":
        return None
    return next((Path(path) for path in recorded(spec, settings) if Path(path).match(spec.files[0])), None)
