"""A model as documents tell of it, the same from the command line and over HTTP."""

from dataclasses import asdict
from typing import Any

from indexer.config import Settings
from indexer.models.licence import accepted
from indexer.models.shelf import here
from indexer.models.spec import ModelSpec


def described(spec: ModelSpec, settings: Settings, active: str | None = None) -> dict[str, Any]:
    """All that is known of a model, whether it is here and its licence accepted, where it asks for that, and whether
    it made the index (`active` names which did)."""
    state = {"here": here(spec, settings), "accepted": accepted(spec, settings), "active": spec.name == active}
    return asdict(spec) | state
