"""The catalogue's tables. A picture is a content; a file is a path that holds it; an embedding is its
row in the vector file of one index."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PENDING, INDEXED, FAILED, IGNORED = "pending", "indexed", "failed", "ignored"
"""The states of a file: still to be read, in the collection, unreadable, not a picture."""


class Base(DeclarativeBase):
    """Column types by annotation, the same for SQLite and PostgreSQL."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        list[Any]: JSON,
        datetime: DateTime(timezone=False),
        float: Float(53),
    }


class StateRow(Base):
    """One row: what a reader compares to know whether anything changed since it last looked."""

    __tablename__ = "state"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger, default=0)
    active_index: Mapped[int | None] = mapped_column(Integer, default=None)
    previous_index: Mapped[int | None] = mapped_column(Integer, default=None)
    """What `rollback` goes back to."""


class RootRow(Base):
    """A folder or file that the user asked to index."""

    __tablename__ = "root"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)


class PictureRow(Base):
    """A distinct content, named by the hash of its bytes; it keeps its id while files come and go."""

    __tablename__ = "picture"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    live: Mapped[bool] = mapped_column(default=True)
    """Some file holds it, and the user has not removed it: it may be found."""
    removed: Mapped[bool] = mapped_column(default=False)
    """The user took it out of the collection; its files stay out until they are indexed by name."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(String(32))
    captured_at: Mapped[datetime | None]
    camera: Mapped[str | None] = mapped_column(Text)
    lens: Mapped[str | None] = mapped_column(Text)
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    rating: Mapped[int | None]
    title: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    phash: Mapped[int] = mapped_column(BigInteger)
    colours: Mapped[list[Any]]
    added_at: Mapped[datetime]

    __table_args__ = (Index("picture_live", "live"), Index("picture_captured_at", "captured_at"))


class FileRow(Base):
    """A path below a root, in exactly one state. Size, times and sidecar time tell whether it changed."""

    __tablename__ = "file"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)
    folder: Mapped[str] = mapped_column(Text, index=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    mtime_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    sidecar_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    picture_id: Mapped[int | None] = mapped_column(ForeignKey("picture.id"))

    __table_args__ = (Index("file_state", "state", "id"), Index("file_picture", "picture_id"))


class KeywordRow(Base):
    """A keyword that the picture's own metadata carries."""

    __tablename__ = "keyword"

    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    text: Mapped[str] = mapped_column(String(256), primary_key=True)


class SourceRow(Base):
    """A data set that was imported."""

    __tablename__ = "source"

    id: Mapped[int] = mapped_column(primary_key=True)
    format: Mapped[str] = mapped_column(String(32))
    path: Mapped[str] = mapped_column(Text, unique=True)
    imported_at: Mapped[datetime]


class MemberRow(Base):
    """A picture that a data set names, and the part of it that the picture is in."""

    __tablename__ = "member"

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True, index=True)
    split: Mapped[str | None] = mapped_column(Text)


class CaptionRow(Base):
    """A sentence about a picture: of the data set `source_id`, or else of a sidecar file."""

    __tablename__ = "caption"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), index=True)
    language: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    source_id: Mapped[int | None] = mapped_column(ForeignKey("source.id"), index=True)


class LabelRow(Base):
    """A name, from a data set, of what a picture as a whole shows; `synset` where it is one of WordNet's."""

    __tablename__ = "label"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), index=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    synset: Mapped[str | None] = mapped_column(String(16))


class AttributeRow(Base):
    """A named property, from a data set: a `text`, or a `number`, which is 0 or 1 where it is a `flag`."""

    __tablename__ = "attribute"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), index=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(Text)
    number: Mapped[float | None]
    flag: Mapped[bool]


class BoxRow(Base):
    """A named part of a picture, from a data set, in pixels of the upright picture."""

    __tablename__ = "box"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), index=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    x: Mapped[float]
    y: Mapped[float]
    width: Mapped[float]
    height: Mapped[float]
    supercategory: Mapped[str | None] = mapped_column(Text)


class IndexRow(Base):
    """A set of vectors of one encoder. `rows` of its file are committed; what lies beyond is debris."""

    __tablename__ = "vector_index"

    id: Mapped[int] = mapped_column(primary_key=True)
    encoder: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(128))
    dimension: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    """FAISS factory string."""
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]


class EmbeddingRow(Base):
    """Where a picture's vector lies in an index's file, and the CRC-32 of its bytes."""

    __tablename__ = "embedding"

    index_id: Mapped[int] = mapped_column(ForeignKey("vector_index.id"), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True)
    row: Mapped[int] = mapped_column(BigInteger)
    crc: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("embedding_row", "index_id", "row", unique=True),)
