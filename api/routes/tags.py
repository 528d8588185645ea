"""Tags: the collection's, counted and changed; a picture's; all of them as a file."""

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from api.deps import MAX_QUERY, Asked, Opened, PictureNumber, ShowAll
from api.tag_schemas import PictureTagsOut, TagChange, TagIn, TagOut, TagsOut
from indexer.collection import Collection
from search.query import parse
from search.tags import edit
from search.tags.book import TagPage, counted
from search.tags.export import described, export_lines
from search.tags.names import Tag, the_tag
from search.tags.pictures import tagged
from search.tags.rows import tag_ids

router = APIRouter(prefix="/v1", tags=["tags"])

Language = Annotated[str | None, Query(max_length=32, description="Give names in this language: de, pt-BR.")]
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


@router.get("/tags", response_model=TagsOut)
def tags(
    collection: Opened,
    engine: Asked,
    q: Annotated[str | None, Query(max_length=MAX_QUERY, description="Count only within what matches.")] = None,
    show_all: ShowAll = False,
    contains: Annotated[str, Query(max_length=256, description="Only tags with this in their names.")] = "",
    language: Language = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="`next` of the page before.")] = 0,
) -> TagPage:
    """The collection's tags with how many pictures have each; with `q`, counted among its matches."""
    among = None
    if q is not None and q.strip():
        among = engine.matching(parse(q), show_all=show_all, local_files=False).tolist()
    with collection.catalog.database.read() as connection:
        return counted(connection, among=among, language=language, contains=contains, limit=limit, after=after)


@router.post("/tags", status_code=201, response_model=TagOut)
def add(collection: Opened, wanted: TagIn) -> Tag:
    """Give pictures a tag; it is made where there is none of that name."""
    with collection.catalog.database.write() as connection:
        if wanted.pictures:
            return edit.add(connection, wanted.pictures, wanted.name)
        tag_ids(connection, [(wanted.name, None)])
        return the_tag(connection, wanted.name)


@router.get("/tags/export", response_class=StreamingResponse)
def export(collection: Opened, format: Literal["csv", "jsonl"] = "csv", language: Language = None) -> StreamingResponse:
    """A line for each picture: path, tags with probabilities and sources, colours, materials."""
    lines = export_lines(tagged(collection, language=language), format)
    headers = {"Content-Disposition": f'attachment; filename="tags.{format}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_blocks(lines), media_type=_TYPES[format], headers=headers)


@router.patch("/tags/{name:path}", response_model=TagOut)
def change(collection: Opened, name: str, wanted: TagChange) -> Tag:
    """Rename, forbid, translate or merge a tag, or set its threshold: all that is asked, or nothing."""
    with collection.catalog.database.write() as connection:
        return _changed(connection, the_tag(connection, name), wanted)


@router.get("/pictures/{id}/tags")
def of_picture(collection: Opened, id: PictureNumber, language: Language = None) -> PictureTagsOut:
    """The tags of a picture with where each is from, its colours, its materials."""
    return _said_of(collection, id, language)


@router.put("/pictures/{id}/tags/{name:path}")
def give(collection: Opened, id: PictureNumber, name: str) -> PictureTagsOut:
    """Give a picture a tag."""
    with collection.catalog.database.write() as connection:
        edit.add(connection, [id], name)
    return _said_of(collection, id)


@router.delete("/pictures/{id}/tags/{name:path}")
def take_off(collection: Opened, id: PictureNumber, name: str) -> PictureTagsOut:
    """Take a tag off a picture; no model gives it to it again."""
    with collection.catalog.database.write() as connection:
        edit.take_off(connection, [id], name)
    return _said_of(collection, id)


def _changed(connection: Connection, tag: Tag, wanted: TagChange) -> Tag:
    if wanted.forbidden is not None:
        tag = edit.forbid(connection, tag.name, wanted.forbidden)
    if "threshold" in wanted.model_fields_set:
        tag = edit.set_threshold(connection, tag.name, wanted.threshold)
    for language, translated in wanted.translations.items():
        tag = edit.translate(connection, tag.name, language, translated)
    if wanted.name is not None:
        tag = edit.rename(connection, tag.name, wanted.name)
    return tag if wanted.merge_into is None else edit.merge(connection, tag.name, wanted.merge_into)


def _said_of(collection: Collection, id: int, language: str | None = None) -> PictureTagsOut:
    record = collection.catalog.picture(id)
    found = next(iter(tagged(collection, [id], language)), None)
    told = described(found) if found else {"tags": [], "colours": [], "materials": []}
    return PictureTagsOut(id=id, path=record.path, **told)


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    """Lines some at a time: a piece of the answer for each would cost more than the line."""
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == 500:
            yield "".join(block)
            block = []
    yield "".join(block)
