"""The catalogue's tables of people: what they did with pictures, and how they steer what is recommended to them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.tables import Base


class PersonRow(Base):
    """One who has done something: what a reader compares to know whether anything of theirs changed."""

    __tablename__ = "person"

    user: Mapped[str] = mapped_column(String(256), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger)
    """Of the last change: nanoseconds since 1970, or one more than before where the clock was put back."""
    rewritten: Mapped[int] = mapped_column(BigInteger)
    """The stamp of the last change that took something away."""


class SignalRow(Base):
    """One thing that a person did with a picture."""

    __tablename__ = "signal"

    id: Mapped[int] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(String(256))
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"))
    kind: Mapped[str] = mapped_column(String(16))
    seconds: Mapped[float | None]
    """How long it was looked at."""
    at: Mapped[datetime]

    __table_args__ = (
        Index("signal_user", "user", "id"),
        Index("signal_user_picture", "user", "picture_id", "kind", "id"),
        Index("signal_picture", "picture_id"),
        # No number is used twice, so that whoever knows the last one notices what was taken back and replaced.
        {"sqlite_autoincrement": True},
    )


class StandingRow(Base):
    """What a person's signals of one picture come to, so that a million of them are as quickly read as one."""

    __tablename__ = "standing"

    user: Mapped[str] = mapped_column(String(256), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """The kind of signal that stands: see search.taste.signals.standing."""
    seconds: Mapped[float | None]
    """The longest look."""
    at: Mapped[datetime]
    signal_id: Mapped[int]
    """The last signal."""
    counts: Mapped[bool]
    """It says something of taste; not where the interest that it belonged to was deleted."""
    dropped: Mapped[int] = mapped_column(default=0)
    """The signal up to which an interest that it belonged to was deleted; 0 where none was."""

    __table_args__ = (
        Index("standing_kind", "user", "kind", "counts", "signal_id"),
        Index("standing_signal", "user", "signal_id"),
    )


class InterestRow(Base):
    """What a person set for the interest that this picture belongs to, now and after every new grouping."""

    __tablename__ = "interest"

    user: Mapped[str] = mapped_column(String(256), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    weight: Mapped[float]
    muted: Mapped[bool]
    at: Mapped[datetime]
