"""Probes and figures for those who run the server."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from api.deps import Asked, Opened
from api.schemas import Health

router = APIRouter(tags=["health"])
_OK: Literal["ok"] = "ok"


@router.get("/healthz")
async def alive() -> Health:
    """Whether the process answers."""
    return Health(status=_OK)


@router.get("/readyz")
def ready(engine: Asked) -> Health:
    """Whether the collection can be searched: catalogue and vectors open and agree."""
    engine.snapshot()
    return Health(status=_OK)


@router.get("/metrics")
def metrics(request: Request, collection: Opened) -> Response:
    """Figures in Prometheus's text format."""
    return Response(request.app.state.metrics.render(collection), media_type="text/plain; version=0.0.4")
