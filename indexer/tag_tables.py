"""The catalogue's tables of tags: their names, the pictures that have them, and what people said of that."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexer.tables import Base

MODEL, TAUGHT, IMPORTED, TYPED = "model", "taught", "imported", "typed"
"""Where a picture's tag is from: the vocabulary's scores, a tag that was taught, a data set or the picture's own
metadata, a person."""


class TagRow(Base):
    """A name for what pictures show. One that is merged into another stays, so that its concept leads there."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256))
    key: Mapped[str] = mapped_column(String(256), unique=True)
    """The name as it is compared: see search.tags.rows.key_of."""
    concept: Mapped[str | None] = mapped_column(String(32), index=True)
    """Of the concept graph, where it is one of its."""
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("tag.id"), index=True)
    forbidden: Mapped[bool] = mapped_column(default=False)
    """No picture is to have it."""
    threshold: Mapped[float | None]
    """Probability from which the user wants it given, in place of its own."""
    translations: Mapped[dict[str, Any]]
    """Language code -> name."""
    created_at: Mapped[datetime]


class PictureTagRow(Base):
    """A tag that a picture has, by one of the ways in which it can get it."""

    __tablename__ = "picture_tag"

    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True)
    source: Mapped[str] = mapped_column(String(16), primary_key=True)
    probability: Mapped[float | None]
    """Calibrated; None where nobody estimated it."""

    __table_args__ = (Index("picture_tag_tag", "tag_id", "source", "picture_id"),)


class TagLabelRow(Base):
    """What a person said: the picture has the tag, or hasn't. It outlives every model."""

    __tablename__ = "tag_label"

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True, index=True)
    positive: Mapped[bool]
    at: Mapped[datetime]


class TagProbeRow(Base):
    """What a taught tag looks for, in the vectors of one encoder; trained anew for another."""

    __tablename__ = "tag_probe"

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(128))
    weights: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little-endian, as many as the encoder's vectors have."""
    figures: Mapped[dict[str, Any]]
    trained_at: Mapped[datetime]


class TaggingRow(Base):
    """One row: how far the collection has been tagged, by which index and vocabulary."""

    __tablename__ = "tagging"

    id: Mapped[int] = mapped_column(primary_key=True)
    index_id: Mapped[int]
    recipe: Mapped[str] = mapped_column(Text)
    """What the scores depend on: index, vocabulary, calibration."""
    rows: Mapped[int] = mapped_column(BigInteger)
    """Rows of the index that were looked at."""


class ImportedTagsRow(Base):
    """One row: the generation of the collection whose keywords and labels are entered as tags."""

    __tablename__ = "imported_tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger)
