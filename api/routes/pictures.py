"""The collection's pictures: listed, shown, added, removed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse

from api.deps import Asked, K, KeptTags, Opened, Part, PictureNumber, ShowAll
from api.schemas import Answer, Page, PictureOut, PictureRef, Uploads
from api.uploads import add_uploads, remove_picture
from indexer.errors import NotFoundError, PictureError
from indexer.reader import thumbnail_path
from indexer.records import Record
from search.engine import Results
from search.tags.book import tag_names
from search.taste.different import similar_but_different

router = APIRouter(prefix="/v1/pictures", tags=["pictures"])

_TYPES = {
    **{name: f"image/{name.lower()}" for name in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")},
    "MPO": "image/jpeg",
    "HEIF": "image/heif",
    "HEIC": "image/heic",
    "ICO": "image/x-icon",
}
"""Format -> content type; what isn't here is only ever saved, not shown."""
_HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


@router.get("")
def newest(
    collection: Opened,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="`next` of the page before.")] = None,
) -> Page:
    """The pictures, newest first, a page at a time."""
    ids = collection.catalog.newest(limit, before)
    paths = collection.catalog.paths(ids)
    with collection.catalog.database.read() as connection:
        tags = tag_names(connection, ids)
    listed = [PictureRef(id=id, path=paths[id], tags=list(tags[id])) for id in ids if id in paths]
    return Page(pictures=listed, next=ids[-1] if len(ids) == limit else None)


@router.post("", status_code=201)
def add(collection: Opened, tagging: KeptTags, picture: list[UploadFile], response: Response) -> Uploads:
    """Add one or several pictures; they can be found when the answer comes.

    The answer says of each whether it is new, was there before, or can't be read; where none can be read,
    it is an error.
    """
    uploads = add_uploads(collection, picture)
    tagging.now([upload.id for upload in uploads if upload.new and upload.id is not None])
    if all(upload.id is None for upload in uploads):
        raise PictureError("; ".join(f"{upload.name}: {upload.reason}" for upload in uploads))
    if not any(upload.new for upload in uploads):
        response.status_code = 200
    return Uploads(pictures=uploads)


@router.get("/{id}", response_model=PictureOut)
def picture(collection: Opened, id: PictureNumber) -> Record:
    """Everything known of a picture."""
    return collection.catalog.picture(id)


@router.delete("/{id}", status_code=204, response_class=Response)
def remove(collection: Opened, id: PictureNumber) -> None:
    """Take a picture out of the collection; a file of the user's own is left as it is."""
    remove_picture(collection, id)


@router.get("/{id}/file", response_class=FileResponse)
def file(collection: Opened, id: PictureNumber) -> FileResponse:
    """The picture as it is on disk."""
    record = collection.catalog.picture(id)
    held = record.file()
    kind = _TYPES.get(record.format)
    place = "inline" if kind else "attachment"
    return FileResponse(
        held,
        media_type=kind or "application/octet-stream",
        filename=held.name,
        content_disposition_type=place,
        headers={**_HARMLESS, "Cache-Control": "private, no-cache"},
    )


@router.get("/{id}/thumbnail", response_class=Response, responses={200: {"content": {"image/webp": {}}}})
def thumbnail(request: Request, collection: Opened, id: PictureNumber) -> Response:
    """The picture in small, as WebP."""
    record = collection.catalog.picture(id)
    tag = f'"{record.hash}"'
    # An id stands for one content for ever, so what a browser has of it stays right.
    headers = {**_HARMLESS, "ETag": tag, "Cache-Control": "private, max-age=31536000, immutable"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    try:
        data = thumbnail_path(collection.settings, record.hash).read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"The thumbnail of picture #{id} is missing: `pixloom rebuild` makes it.") from error
    return Response(data, media_type="image/webp", headers=headers)


@router.get("/{id}/similar", response_model=Answer)
def similar(
    engine: Asked,
    id: PictureNumber,
    box: Part,
    k: K = 20,
    diverse: Annotated[bool, Query(description="Like it, but unlike each other.")] = False,
    show_all: ShowAll = False,
) -> Results:
    """The pictures most like one of the collection, or like a part of it."""
    if diverse:
        return similar_but_different(engine, id, k=k, box=box, show_all=show_all)
    return engine.similar(id, k=k, box=box, show_all=show_all)
