"""The catalogue's tables of what is made from pictures: jobs that wait and run, and how each outcome came to be."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexer.tables import Base

WAITING, RUNNING, PAUSED, DONE, FAILED, CANCELLED = "waiting", "running", "paused", "done", "failed", "cancelled"
"""The states of a job, and of its items (which are never paused)."""
ENDED = (DONE, FAILED, CANCELLED)


class JobRow(Base):
    """An operation on pictures that somebody asked for."""

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(256))
    state: Mapped[str] = mapped_column(String(16))
    operation: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    priority: Mapped[int]
    """Among the jobs of one owner: larger goes first."""
    confirm: Mapped[bool]
    """It pauses after the preview until its owner lets it go on."""
    confirm_rights: Mapped[bool]
    """The owner has confirmed that they may make derivatives of the pictures."""
    preview: Mapped[bool]
    """A preview is still to be made before anything else."""
    preview_path: Mapped[str | None] = mapped_column(Text)
    folder: Mapped[str | None] = mapped_column(Text)
    """Where outcomes go; None for the usual place."""
    retry_of: Mapped[int | None]
    cancel: Mapped[bool] = mapped_column(default=False)
    """Its owner wants it to stop."""
    turn: Mapped[int] = mapped_column(BigInteger, default=0)
    """Number of its last turn, of all turns of all jobs; 0 before the first."""
    worker: Mapped[str | None] = mapped_column(String(256))
    heartbeat: Mapped[datetime | None]
    """When its worker was last known to live."""
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    """Steps done, and in all, of the picture that is worked on."""
    what: Mapped[str] = mapped_column(Text, default="")
    """What it does at the moment."""
    log: Mapped[list[Any]]
    """[time, sentence] of what happened to the job as a whole."""
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("job_state", "state", "id"),
        Index("job_owner", "owner", "state"),
        Index("job_turn", "owner", "turn"),
        Index("job_latest", "turn"),
        # A number once told to somebody never means another job.
        {"sqlite_autoincrement": True},
    )


class JobItemRow(Base):
    """One outcome of a job that is made, or to be made: of a picture, or of several together."""

    __tablename__ = "job_item"

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int | None] = mapped_column(ForeignKey("picture.id"))
    """None where the operation needs no picture."""
    further: Mapped[list[Any]]
    """Ids of the other pictures that go into the same outcome."""
    candidate: Mapped[int] = mapped_column(default=0, server_default="0")
    """Which of several outcomes of the same pictures it is, from 0: its seed is so much above the job's."""
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime | None]
    seconds: Mapped[float | None]
    reason: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[list[Any]]
    outcome_id: Mapped[int | None] = mapped_column(ForeignKey("picture.id"))
    outcome_path: Mapped[str | None] = mapped_column(Text)
    cosine: Mapped[float | None]
    ssim: Mapped[float | None]

    __table_args__ = (
        Index("job_item_state", "job_id", "state", "position"),
        Index("job_item_picture", "picture_id"),
    )


class EditRow(Base):
    """How a picture was made by Pixloom: all that it takes to make it again."""

    __tablename__ = "edit"

    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    """The outcome."""
    operation: Mapped[str] = mapped_column(String(64), index=True)
    parameters: Mapped[dict[str, Any]]
    method: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str | None] = mapped_column(Text)
    model_hash: Mapped[str | None] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(String(64))
    """Of Pixloom."""
    created_at: Mapped[datetime]
    job_id: Mapped[int | None] = mapped_column(index=True)
    owner: Mapped[str | None] = mapped_column(String(256))
    cosine: Mapped[float | None]
    """Of its embedding with its parent's, at the time."""
    ssim: Mapped[float | None]
    """Structural similarity with its parent."""
    source_type: Mapped[str] = mapped_column(String(64))
    """IPTC Digital Source Type."""


class EditSourceRow(Base):
    """A picture that an outcome was made from."""

    __tablename__ = "edit_source"

    picture_id: Mapped[int] = mapped_column(ForeignKey("edit.picture_id"), primary_key=True)
    """The outcome."""
    position: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("picture.id"))
    role: Mapped[str] = mapped_column(String(16))
    """parent, part or reference."""

    __table_args__ = (Index("edit_source_parent", "parent_id", "role", "picture_id"),)
