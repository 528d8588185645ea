"""Licences that don't allow every use: each is accepted once by whoever runs Pixloom, and that is written down."""

import json
from datetime import UTC, datetime
from typing import Any

from indexer.config import Settings
from indexer.errors import ForbiddenError
from indexer.models.shelf import shelf
from indexer.models.spec import ModelSpec

RECORD = "accepted.json"


def require_accepted(spec: ModelSpec, settings: Settings) -> None:
    """ForbiddenError, with the command that accepts it, where a model's licence asks to be accepted and wasn't."""
    if not accepted(spec, settings):
        raise ForbiddenError(
            f"{told(spec)} It is used once you have accepted that: `pixloom models pull {spec.name} --accept-licence`."
        )


def accepted(spec: ModelSpec, settings: Settings) -> bool:
    """Whether a model may be used: its licence allows every use, or was accepted as it is now."""
    if not spec.asks:
        return True
    try:
        record: Any = json.loads((shelf(spec, settings) / RECORD).read_text(encoding="utf-8"))
        return bool(record["licence"] == spec.licence)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def accept(spec: ModelSpec, settings: Settings) -> None:
    """Write down that a model's licence was accepted; OSError where it can't be written."""
    record = {"name": spec.name, "licence": spec.licence, "when": datetime.now(UTC).isoformat(timespec="seconds")}
    folder = shelf(spec, settings)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{RECORD}"
    draft.write_text(json.dumps(record, indent=2), encoding="utf-8")
    draft.replace(folder / RECORD)


def told(spec: ModelSpec) -> str:
    """What a licence doesn't allow, and where to read it, in a sentence."""
    bounds = f"it forbids {spec.restrictions}" if spec.restrictions else "it doesn't allow every use, such as in trade"
    return f"{spec.name} has the licence {spec.licence}: {bounds}. Read it {_place(spec)}."


def _place(spec: ModelSpec) -> str:
    match spec.origin:
        case "hub":
            return f"on the model hub's page of {spec.source}"
        case "url":
            return f"where it comes from, {spec.source}"
        case _:
            return f"in the package {spec.source.split('>=')[0]}"
