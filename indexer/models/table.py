"""The models that Pixloom knows, read from `table.toml`: frozen facts, each with where it was read."""

import tomllib
from pathlib import Path
from typing import Any

from indexer.models.spec import ModelSpec


def read_table(path: Path) -> tuple[ModelSpec, ...]:
    """The specs in a TOML file of `[[model]]` tables. Raises TypeError for a field that ModelSpec hasn't."""
    return tuple(map(_spec, tomllib.loads(path.read_text(encoding="utf-8"))["model"]))


def _spec(entry: dict[str, Any]) -> ModelSpec:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    return ModelSpec(**fields)


TABLE = read_table(Path(__file__).with_name("table.toml"))
"""Every model known, by task, the one to begin with first."""
