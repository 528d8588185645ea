"""The shapes of what HTTP gives and takes of tags."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Fields
from search.tags.rows import LONGEST

TagName = Annotated[str, Field(min_length=1, max_length=4 * LONGEST)]
PictureId = Annotated[int, Field(ge=0, le=2**31 - 1)]
Source = Literal["typed", "taught", "imported", "model"]


class TagOut(Fields):
    """A tag as it is; `threshold` in 0..1 is the user's own, `translations` are names by language."""

    id: int
    name: str
    concept: str | None
    forbidden: bool
    threshold: float | None
    translations: dict[str, str]


class EntryOut(TagOut):
    """A tag of the collection: `count` pictures have it; `sources` says how many by each way, of all pictures."""

    count: int
    sources: dict[Source, int]


class TagsOut(Fields):
    """Tags, those of most pictures first; `next` is the `after` of the page that follows, null at the end."""

    total: int
    tags: list[EntryOut]
    next: int | None


class PictureTagOut(BaseModel):
    """A tag that a picture has; `probability` is null where nobody estimated it."""

    name: str
    probability: float | None
    sources: list[Source]


class ColourOut(BaseModel):
    """A word for one of a picture's main colours, and its share of the picture in 0..1."""

    name: str
    share: float


class PictureTagsOut(BaseModel):
    """What is said of a picture, the surest tag first."""

    id: int
    path: str
    tags: list[PictureTagOut]
    colours: list[ColourOut]
    materials: list[str]


class TagIn(BaseModel):
    """A tag to be given to pictures, or to be made without any."""

    model_config = ConfigDict(extra="forbid")

    name: TagName
    pictures: list[PictureId] = Field([], max_length=10_000)


class TagChange(BaseModel):
    """What is to change of a tag; what isn't given stays. A translation that is null is taken away, and so is a
    threshold. `merge_into` names the tag that this one becomes a part of, after the other changes."""

    model_config = ConfigDict(extra="forbid")

    name: TagName | None = None
    forbidden: bool | None = None
    threshold: float | None = None
    translations: dict[str, TagName | None] = Field({}, max_length=200)
    merge_into: TagName | None = None
