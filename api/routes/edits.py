"""A picture's edits, and looks at what an operation would make of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.deps import Looking, Opened, PictureNumber
from api.edits import told
from api.parameters import named_values
from api.tune_schemas import Edits
from tuner.previews import SIZE, before_after

router = APIRouter(prefix="/v1/pictures", tags=["tuning"])
_WEBP: dict[int | str, dict[str, Any]] = {200: {"content": {"image/webp": {}}}}
_HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


@router.get("/{id}/edits")
def edits(collection: Opened, id: PictureNumber) -> Edits:
    """The edits of a picture; how it was made itself, if it was; and the way back to the original."""
    return told(collection, id)


@router.get("/{id}/before-after", response_class=Response, responses=_WEBP)
def compared(collection: Opened, id: PictureNumber, size: Annotated[int, Query(ge=64, le=2048)] = 1024) -> Response:
    """An edit beside its parent, at one height, as WebP."""
    return Response(before_after(collection, id, size), media_type="image/webp", headers=_HARMLESS)


@router.get("/{id}/preview", response_class=Response, responses=_WEBP)
def preview(
    previews: Looking,
    id: PictureNumber,
    operation: Annotated[str, Query(max_length=64, description="Its name, as in /v1/operations.")],
    p: Annotated[list[str] | None, Query(max_length=100, description="A parameter, as name=value; again.")] = None,
    size: Annotated[int, Query(description="Longer side, pixels.")] = SIZE,
    seed: Annotated[int, Query(ge=0, le=2**32 - 1)] = 0,
) -> Response:
    """What an operation would make of a picture, at reduced size, as WebP: noise and sharpness show more than they
    will in the whole picture."""
    data = previews.preview(id, operation, named_values(p or []), size=size, seed=seed)
    return Response(data, media_type="image/webp", headers={**_HARMLESS, "Cache-Control": "private, max-age=300"})
