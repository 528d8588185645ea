"""The HTTP application: one collection and engine, opened while it runs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from api.errors import PROBLEMS, install_handlers
from api.guards import Guards
from api.metrics import Metrics, MetricsMiddleware
from api.routes import (
    edits,
    feeds,
    health,
    jobs,
    models,
    operations,
    page,
    pictures,
    search,
    status,
    tags,
    taste,
    teach,
)
from api.switching import Switching
from api.tagging import Tagging
from indexer.collection import Collection, Load
from indexer.config import Settings
from indexer.encoders import load_encoder
from search.engine import Engine
from search.tags.tagger import Tagger
from search.taste.background import Others
from search.taste.recommend import Recommender
from tuner.jobs.book import Book
from tuner.jobs.queue import Queue
from tuner.jobs.worker import Worker
from tuner.pictures import CollectionPictures
from tuner.previews import Previews

STATIC = Path(__file__).parent / "static"
_ROUTES = (
    health,
    search,
    pictures,
    operations,
    edits,
    teach,
    tags,
    taste,
    feeds,
    jobs,
    models,
    status,
    page,
)


def create_app(
    settings: Settings,
    load: Load = load_encoder,
    *,
    hosts: Sequence[str] | None = None,
    start: str | None = None,
) -> FastAPI:
    """The application for one home folder. `load` turns a name into an encoder. `start` is the import path of what
    makes the outcomes of jobs (see `tuner.jobs.task.Start`); without it, jobs wait for a worker elsewhere.

    With `hosts`, requests for other host names are refused: a page of another site, whose name
    somebody lets point at this machine, must not read the user's pictures.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with Collection(settings, load) as collection, ExitStack() as held:
            tagger = Tagger(collection)
            engine = Engine(collection, descendants=tagger.descendants)
            others = held.enter_context(closing(Others(collection)))
            app.state.collection = collection
            app.state.engine = engine
            app.state.metrics = metrics
            app.state.others = others
            app.state.recommender = Recommender(engine, collaborative=others.model)
            app.state.previews = Previews(collection, CollectionPictures(collection, engine))
            app.state.switching = held.enter_context(closing(Switching(collection)))
            app.state.tagging = held.enter_context(closing(Tagging(tagger, engine)))
            queue = held.enter_context(closing(Queue(settings)))
            app.state.book = Book(collection.catalog.database, settings, queue.wake)
            if start is not None:
                held.enter_context(Worker(collection.catalog.database, settings, queue, load=load, start=start))
            yield

    app = FastAPI(
        title="Pixloom",
        summary="Searches pictures by meaning.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=PROBLEMS,
    )
    app.state.stopping = lambda: False  # whoever runs it may say that answers without an end shall end
    app.add_middleware(Guards, max_bytes=settings.max_bytes, hosts=hosts)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    install_handlers(app)
    for route in _ROUTES:
        app.include_router(route.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
