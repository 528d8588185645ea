"""Jobs: asked for, watched, looked at before they go on, cancelled, done again."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from api.deps import MAX_NAME, Asked, JobBook
from api.job_schemas import JobIn, JobOut, Jobs, JobState, JobWhole, ResumeIn, RetryIn
from api.jobs import events, wanted
from indexer.errors import NotFoundError
from tuner.jobs.book import ANYONE

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="A job's number.")]
Owner = Annotated[str, Query(max_length=MAX_NAME, description="Whose it is.")]
_HARMLESS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
_TYPES = {".webp": "image/webp", ".jpg": "image/jpeg", ".png": "image/png"}


@router.post("", status_code=202)
def add(book: JobBook, engine: Asked, asked: JobIn) -> JobOut:
    """Ask for an operation on pictures; the answer comes at once, with the number and place of the job."""
    return JobOut.of(book.add(wanted(engine, asked)))


@router.get("")
def jobs(
    book: JobBook,
    user: Annotated[str | None, Query(max_length=MAX_NAME, description="Only theirs.")] = None,
    state: JobState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="`next` of the page before.")] = None,
) -> Jobs:
    """The jobs, newest first, a page at a time."""
    found = book.jobs(owner=user, state=state, limit=limit, before=before)
    return Jobs(jobs=[JobOut.of(job) for job in found], next=found[-1].id if len(found) == limit else None)


@router.get("/{id}")
def job(book: JobBook, engine: Asked, id: JobNumber) -> JobWhole:
    """Where a job stands, what became of each of its pictures, and which of several candidates are the best."""
    return JobWhole.ranked(book, id, engine)


@router.delete("/{id}", status_code=202)
def cancel(book: JobBook, id: JobNumber, user: Owner = ANYONE) -> JobOut:
    """Stop a job within a second; what is done stays. Only its owner can."""
    return JobOut.of(book.cancel(id, user))


@router.post("/{id}/retry", status_code=202)
def retry(book: JobBook, id: JobNumber, asked: RetryIn) -> JobOut:
    """A new job that does again what failed or was cancelled, or with `whole` everything."""
    return JobOut.of(book.retry(id, asked.user, whole=asked.whole))


@router.post("/{id}/resume", status_code=202)
def resume(book: JobBook, id: JobNumber, asked: ResumeIn) -> JobOut:
    """Let a job go on that has paused for its owner to look at the preview."""
    return JobOut.of(book.resume(id, asked.user))


@router.get("/{id}/preview", response_class=FileResponse)
def preview(book: JobBook, id: JobNumber) -> FileResponse:
    """A small look at what the job makes of its first picture."""
    path = book.get(id).preview
    if path is None or not path.is_file():
        raise NotFoundError(f"Job {id} has no preview: it makes one of several pictures, or if it was told to confirm.")
    return FileResponse(path, media_type=_type(path), headers=_HARMLESS)


@router.get("/{id}/events", response_class=StreamingResponse)
def watch(request: Request, book: JobBook, id: JobNumber) -> StreamingResponse:
    """Server-sent events: the job as it stands, at every change, until it has ended."""
    book.get(id)  # refused now, while there is still a status to say it with
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        events(book, id, request.app.state.stopping), media_type="text/event-stream", headers=headers
    )


def _type(path: FilePath) -> str:
    return _TYPES.get(path.suffix.lower(), "application/octet-stream")
