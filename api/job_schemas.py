"""The shapes of what HTTP says of jobs, and takes to make one."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MAX_NAME, MAX_QUERY
from api.ranking import RankedOut, told
from api.schemas import Fields
from search.engine import Engine
from tuner.jobs.book import ANYONE, Book
from tuner.jobs.job import Job
from tuner.ranking import has_candidates

JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]


class JobIn(BaseModel):
    """An operation on pictures, which are named by their ids or found by a query.

    Where it makes an outcome of each of several pictures, a preview of the first is made before anything else; with
    `confirm` the job then pauses until its owner lets it go on.
    """

    model_config = ConfigDict(extra="forbid")

    operation: str = Field(max_length=64)
    parameters: dict[str, Any] = Field({}, max_length=64)
    pictures: list[int] | None = Field(None, max_length=10_000)
    query: str | None = Field(None, max_length=MAX_QUERY)
    k: int = Field(20, description="Pictures that the query shall find.")
    user: str = Field(ANYONE, max_length=MAX_NAME)
    seed: int = 0
    count: int = Field(1, description="Candidates of each outcome, 1 to 64, of operations that generate.")
    priority: int = Field(0, description="-100 to 100, among the jobs of one person.")
    confirm: bool = False
    confirm_rights: bool = Field(False, description="You may make derivatives, whatever the pictures' rights say.")


class RetryIn(BaseModel):
    """Whose the job is, and whether all of it is to be done again, not only what failed."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(ANYONE, max_length=MAX_NAME)
    whole: bool = False


class ResumeIn(BaseModel):
    """Whose the job is."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(ANYONE, max_length=MAX_NAME)


class JobOut(BaseModel):
    """Where a job stands. `place` in the queue from 1, counted in outcomes that come first; `total` outcomes, of which
    so many are `done` and `failed`; `step` of `steps` of the present one; `eta` in seconds; `preview` says that there
    is one; `log` of times and sentences."""

    id: int
    user: str
    state: JobState
    operation: str
    parameters: dict[str, Any]
    seed: int
    priority: int
    confirm: bool
    cancelling: bool
    place: int | None
    total: int
    done: int
    failed: int
    step: int
    steps: int
    what: str
    eta: float | None
    preview: bool
    retry_of: int | None
    reason: str | None
    log: list[tuple[str, str]]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> "JobOut":
        """From the job book's own."""
        return cls.model_validate(_told(job))


class ItemOut(Fields):
    """What became of one picture, or of several that make one outcome (`picture` and `further`): `outcome` is the id
    of what was made, `cosine` and `ssim` how near it still is to what it was made from."""

    picture: int | None
    further: list[int]
    seed: int
    state: JobState
    reason: str | None
    notes: list[str]
    outcome: int | None
    path: str | None
    seconds: float | None
    cosine: float | None
    ssim: float | None


class JobWhole(JobOut):
    """A job with what became of each of its pictures; `ranking`, where candidates were asked for and it has ended: the
    best first."""

    items: list[ItemOut]
    ranking: list[RankedOut] | None = None

    @classmethod
    def read(cls, book: Book, id: int) -> "JobWhole":
        """The job as it stands now; NotFoundError where there is none."""
        return cls.model_validate(_told(book.get(id)) | {"items": book.items(id)})

    @classmethod
    def ranked(cls, book: Book, id: int, engine: Engine) -> "JobWhole":
        """The same, with the ranking; what it takes to embed the prompt is loaded for it."""
        whole, job = cls.read(book, id), book.get(id)
        if not job.ended or not has_candidates(job):
            return whole
        return whole.model_copy(update={"ranking": told(engine, job, book.items(id))})


class Jobs(BaseModel):
    """Jobs, newest first; `next` is the `before` of the page that follows, null at the end."""

    jobs: list[JobOut]
    next: int | None


def _told(job: Job) -> dict[str, Any]:
    told = {name: getattr(job, name) for name in JobOut.model_fields if name != "user"}
    return told | {"user": job.owner, "preview": job.preview is not None}
