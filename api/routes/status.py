"""What the collection holds."""

from typing import Any

from fastapi import APIRouter

from api.deps import Opened
from api.schemas import Status

router = APIRouter(prefix="/v1", tags=["status"])


@router.get("/status", response_model=Status)
def status(collection: Opened) -> dict[str, Any]:
    """Counts, the index, and every file that couldn't be read."""
    return collection.status()
