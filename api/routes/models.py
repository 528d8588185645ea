"""The models that are known."""

from dataclasses import asdict

from fastapi import APIRouter

from api.deps import Opened
from api.schemas import ModelOut, Models
from indexer.models import ENCODERS

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/models")
def models(collection: Opened) -> Models:
    """Each with its licence, size, speed and source; `active` marks the one that made the index."""
    index = collection.catalog.state().index
    active = index.encoder if index else None
    return Models(models=[ModelOut(**asdict(spec), active=spec.name == active) for spec in ENCODERS])
