"""The models that are known, and changes from one to another."""

from fastapi import APIRouter

from api.deps import Changing, Opened
from api.model_schemas import ModelOut, Models, SwitchIn, SwitchOut
from api.models import described
from indexer.models.shelf import listed

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/models")
def models(collection: Opened) -> Models:
    """Each with its licence, size, memory, speed, source and whether it is here; `active` marks the one that made
    the index."""
    index, settings = collection.catalog.state().index, collection.settings
    active = index.encoder if index else None
    return Models(models=[ModelOut(**described(spec, settings, active)) for spec in listed(settings)])


@router.post("/models/switch", status_code=202)
def switch(changing: Changing, wanted: SwitchIn) -> SwitchOut:
    """Begin to build the index of another model; the present one answers until that is whole."""
    return SwitchOut.of(changing.switch(wanted.name))


@router.get("/models/switch")
def switch_state(changing: Changing) -> SwitchOut:
    """How far the change of models is, or how the last one ended."""
    return SwitchOut.of(changing.state())


@router.delete("/models/switch", status_code=202)
def cancel_switch(changing: Changing) -> SwitchOut:
    """Stop the change under way; what is done is kept, and the same change goes on from there."""
    return SwitchOut.of(changing.cancel())


@router.post("/models/rollback", status_code=202)
def rollback(changing: Changing) -> SwitchOut:
    """Begin to go back to the index that answered before the last change."""
    return SwitchOut.of(changing.rollback())
