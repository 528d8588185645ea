"""The shapes of what HTTP says of a person's taste, and takes of what they do."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MAX_NAME
from api.schemas import Fields

SignalKind = Literal["like", "dislike", "hide", "view", "download", "tune"]


class FeedbackIn(BaseModel):
    """What a person did with a picture; `seconds` of a view. With `undo` it takes back the last such signal: of the
    picture and kind where they are given, of all otherwise."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(max_length=MAX_NAME)
    picture: int | None = Field(None, ge=0, le=2**31 - 1)
    kind: SignalKind | None = None
    seconds: float | None = Field(None, ge=0, le=86_400)
    undo: bool = False


class SignalOut(Fields):
    """One signal: the one that was kept, or is gone."""

    id: int
    user: str
    picture: int
    kind: SignalKind
    seconds: float | None
    at: datetime


class WhyOut(Fields):
    """Why a picture is shown: because of a `picture` of an `interest`, or what else."""

    kind: Literal["because", "others", "fresh", "explore", "rest", "tour"]
    text: str
    picture: int | None
    interest: int | None


class Recommended(Fields):
    """One recommended picture; `score` on the scale of cosines."""

    id: int
    path: str
    score: float | None
    why: WhyOut


class RecommendationsOut(Fields):
    """A page; `exploration` is the share of it that is meant to explore, `known` how many pictures taste is read from,
    `next` the cursor of the next page, null at the end."""

    user: str
    encoder: str | None
    notice: str | None
    took_ms: float
    known: int
    exploration: float
    results: list[Recommended]
    next: str | None


class InterestOut(BaseModel):
    """A group of pictures that a person liked. `id` is the picture in its middle, `weight` theirs to set, `share` its
    part of what is shown, `label` a tag that most of its pictures have."""

    id: int
    label: str | None
    weight: float
    share: float
    muted: bool
    pictures: list[int]


class TasteOut(BaseModel):
    """A person's interests, most important first."""

    user: str
    interests: list[InterestOut]


class InterestChange(BaseModel):
    """What is to be done with one interest, named by its id or any picture of it."""

    model_config = ConfigDict(extra="forbid")

    interest: int = Field(ge=0, le=2**31 - 1)
    weight: float | None = Field(None, ge=0, le=100)
    muted: bool | None = None
    delete: bool = False


class SettingOut(BaseModel):
    """What was set for the interest that a picture belongs to."""

    picture: int
    weight: float
    muted: bool
    at: datetime


class ExportOut(BaseModel):
    """All that is kept of a person; `not_counted` are pictures of interests that were deleted."""

    user: str
    signals: list[SignalOut]
    interests: list[SettingOut]
    not_counted: list[int]


class Forgotten(BaseModel):
    """How many signals of a person were deleted."""

    user: str
    forgotten: int
