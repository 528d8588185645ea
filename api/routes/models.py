"""The models that are known."""

from fastapi import APIRouter

from api.deps import Opened
from api.models import described
from api.schemas import ModelOut, Models
from indexer.models.shelf import listed

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/models")
def models(collection: Opened) -> Models:
    """Each with its licence, size, memory, speed, source and whether it is here; `active` marks the one that made
    the index."""
    index, settings = collection.catalog.state().index, collection.settings
    active = index.encoder if index else None
    return Models(models=[ModelOut(**described(spec, settings, active)) for spec in listed(settings)])
