"""What endpoints are given: the opened collection, the engine, and parameters of a kind."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from api.boxes import parse_box
from api.switching import Switching
from api.tagging import Tagging
from indexer.collection import Collection
from search.engine import Engine
from search.query import Box
from search.taste.background import Others
from search.taste.recommend import Recommender
from tuner.jobs.book import Book
from tuner.previews import Previews

MAX_QUERY = 4096
"""Characters of a query."""
MAX_NAME = 1024
"""Characters of a person's name as it comes in, with any spaces around it."""


async def _collection(request: Request) -> Collection:
    collection: Collection = request.app.state.collection
    return collection


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


async def _recommender(request: Request) -> Recommender:
    recommender: Recommender = request.app.state.recommender
    return recommender


async def _others(request: Request) -> Others:
    others: Others = request.app.state.others
    return others


async def _tagging(request: Request) -> Tagging:
    tagging: Tagging = request.app.state.tagging
    return tagging


async def _switching(request: Request) -> Switching:
    switching: Switching = request.app.state.switching
    return switching


async def _previews(request: Request) -> Previews:
    previews: Previews = request.app.state.previews
    return previews


async def _book(request: Request) -> Book:
    book: Book = request.app.state.book
    return book


async def _box(box: Annotated[str | None, Query(description="x,y,w,h: a part, in pixels.")] = None) -> Box | None:
    return parse_box(box)


Opened = Annotated[Collection, Depends(_collection)]
Asked = Annotated[Engine, Depends(_engine)]
Recommending = Annotated[Recommender, Depends(_recommender)]
Collaborating = Annotated[Others, Depends(_others)]
KeptTags = Annotated[Tagging, Depends(_tagging)]
Changing = Annotated[Switching, Depends(_switching)]
Looking = Annotated[Previews, Depends(_previews)]
JobBook = Annotated[Book, Depends(_book)]
Part = Annotated[Box | None, Depends(_box)]
Line = Annotated[str, Query(max_length=MAX_QUERY, description="A line of the query language.")]
K = Annotated[int, Query(description="How many pictures to give.")]
ShowAll = Annotated[bool, Query(alias="all", description="Also those that don't match well enough.")]
PictureNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="A picture's id.")]
User = Annotated[str, Path(max_length=MAX_NAME, description="A person's name.")]
AskingUser = Annotated[
    str | None, Query(max_length=MAX_NAME, description="Rank for this person, by what they liked and disliked.")
]
