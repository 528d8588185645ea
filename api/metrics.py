"""Figures for Prometheus: requests by route, and the collection's size at the time of asking."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.collection import Collection

_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self.requests = Counter(
            "pixloom_http_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self.seconds = Histogram("pixloom_http_request_seconds", "Time to answer.", labels, registry=self.registry)
        self.pictures = Gauge("pixloom_pictures", "Distinct pictures in the collection.", registry=self.registry)
        self.vectors = Gauge("pixloom_index_rows", "Vectors of the index that answers.", registry=self.registry)
        self.jobs = Gauge("pixloom_jobs", "Jobs that wait or run.", ("state",), registry=self.registry)
        self.files = Gauge("pixloom_files", "Files by state.", ("state",), registry=self.registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        method = method if method in _METHODS else "other"
        self.requests.labels(method, route, status).inc()
        self.seconds.labels(method, route).observe(seconds)

    def render(self, collection: Collection) -> bytes:
        """All figures in Prometheus's text format."""
        counts, index = collection.catalog.counts(), collection.catalog.state().index
        self.pictures.set(counts.pop("pictures"))
        self.vectors.set(index.rows if index else 0)
        for state, count in counts.items():
            self.files.labels(state).set(count)
        for state, count in collection.catalog.jobs().items():
            self.jobs.labels(state).set(count)
        return generate_latest(self.registry)


class MetricsMiddleware:
    """ASGI middleware that counts each request by the template of its route, never by its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it was answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.observe(scope["method"], route, status, time.perf_counter() - started)
