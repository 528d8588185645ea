"""Questions: a line, a JSON query, or a picture that comes along."""

from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Form, UploadFile

from api.deps import MAX_QUERY, Asked, AskingUser, K, Line, Recommending, ShowAll
from api.schemas import Answer, Question
from indexer.errors import UsageError
from search.engine import Results
from search.query import PictureBytes, Query, Term, from_json, parse, parse_parts
from search.taste.personal import personal

router = APIRouter(prefix="/v1/search", tags=["search"])


@router.get("", response_model=Answer)
def search(
    engine: Asked,
    recommender: Recommending,
    q: Line = "",
    k: K = 20,
    show_all: ShowAll = False,
    user: AskingUser = None,
) -> Results:
    """The k best pictures for a line of the query language."""
    ranking = personal(recommender.tastes, user)
    return engine.search(q, k=k, show_all=show_all, local_files=False, ranking=ranking)


@router.post("", response_model=Answer)
def search_json(engine: Asked, recommender: Recommending, question: Question) -> Results:
    """The same for a JSON body, whose query is a line or a tree of terms."""
    parts = {"terms": question.terms, "filters": question.filters}
    tree = {
        name: [one.model_dump(exclude_none=True, by_alias=True) for one in part] for name, part in parts.items() if part
    }
    if (question.query is None) == all(part is None for part in parts.values()):
        raise UsageError("A JSON search has either a query (a line), or terms and filters.")
    query = from_json(tree) if question.query is None else parse(question.query)
    ranking = personal(recommender.tastes, question.user)
    return engine.search(query, k=question.k, show_all=question.all, local_files=False, ranking=ranking)


@router.post("/picture", response_model=Answer)
def search_picture(
    engine: Asked,
    picture: UploadFile,
    q: Annotated[str, Form(max_length=MAX_QUERY)] = "",
    k: Annotated[int, Form()] = 20,
    show_all: Annotated[bool, Form(alias="all")] = False,
) -> Results:
    """The pictures most like one that comes with the request; `q` adds to it, or takes from it."""
    sent = Term(PictureBytes(picture.file.read(), PurePath(picture.filename or "").name or "picture"))
    terms, filters = parse_parts(q)
    return engine.search(Query((sent, *terms), filters), k=k, show_all=show_all, local_files=False)
