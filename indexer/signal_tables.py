"""The catalogue's tables of people: what they did with pictures, and how they steer what is recommended to them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.tables import Base


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
        Index("signal_user_picture", "user", "picture_id"),
        Index("signal_picture", "picture_id"),
    )


class InterestRow(Base):
    """What a person set for the interest that this picture belongs to, now and after every new grouping."""

    __tablename__ = "interest"

    user: Mapped[str] = mapped_column(String(256), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    weight: Mapped[float]
    muted: Mapped[bool]
    at: Mapped[datetime]
