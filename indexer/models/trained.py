"""Models that were trained on this machine, as entries beside those of the table."""

import json
from pathlib import Path
from typing import Any

from indexer.config import Settings
from indexer.models.spec import ModelSpec
from indexer.models.table import TABLE


def trained(settings: Settings) -> tuple[ModelSpec, ...]:
    """The checkpoints below `settings.models`, told by their configs; what is none of ours is passed over."""
    specs = (_spec(path) for path in sorted(settings.models.glob("*/config.json")))
    return tuple(spec for spec in specs if spec is not None)


def trained_spec(name: str, settings: Settings) -> ModelSpec | None:
    """The entry of `lit:NAME` or `lit:/PATH/TO/FOLDER`; None where nothing of the kind is there."""
    kind, _, reference = name.partition(":")
    if kind != "lit" or not reference:
        return None
    return _spec(settings.models / Path(reference).expanduser() / "config.json")


def _spec(config: Path) -> ModelSpec | None:
    try:
        told: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
        base, folder = str(told["base"]), config.parent
        if "tower" not in told:
            return None
        size = sum(path.stat().st_size for path in folder.iterdir())
        count = told.get("pictures", told.get("examples", "?"))
        note = f"trained on {count} pictures of {told.get('data', '?')}, over {base}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    below = next((spec for spec in TABLE if spec.name == base), None)
    guide = told.get("kind") == "guide"
    return ModelSpec(
        name=f"{'guide' if guide else 'lit'}:{folder.name}",
        task="guided" if guide else "encoder",
        licence=f"terms of the data: {told.get('terms') or 'not stated'}",
        size=size,
        speed=below.speed if below else "medium",
        source=str(folder),
        note=note,
        origin="trained",
        memory=below.memory if below else None,
        languages=below.languages if below and not guide else "",
        commercial=False,
        used_by="guided" if guide else "search",
        notice=below.notice if below and not guide else None,
        facts=("all: the checkpoint's own config",),
        unverified=("memory",) if below is None else (),
    )
