"""What people do with pictures, their taste as they can read and steer it, and what is recommended to them."""

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Query

from api.deps import MAX_NAME, Collaborating, K, Opened, Recommending, User
from api.taste import taste_document
from api.taste_schemas import (
    ExportOut,
    FeedbackIn,
    Forgotten,
    InterestChange,
    RecommendationsOut,
    SignalOut,
    TasteOut,
)
from indexer.errors import UsageError
from search.taste.cursors import LONGEST
from search.taste.recommend import Recommendations
from search.taste.signals import Signal, Signals, user_name

router = APIRouter(prefix="/v1", tags=["taste"])


@router.post("/feedback", response_model=SignalOut)
def feedback(collection: Opened, recommender: Recommending, told: FeedbackIn, later: BackgroundTasks) -> Signal:
    """Keep what a person did with a picture, or take it back; the next page follows it."""
    signals = Signals(collection.catalog.database)
    if told.undo:
        if told.seconds is not None:
            raise UsageError("What is taken back takes no seconds: leave them out.")
        signal = signals.undo(told.user, told.picture, told.kind)
    elif told.picture is None or told.kind is None:
        raise UsageError("Feedback needs a picture and a kind, unless it takes something back.")
    else:
        signal = signals.add(told.user, told.picture, told.kind, told.seconds)
    later.add_task(recommender.prepare, signal.user)
    return signal


@router.get("/recommendations", response_model=RecommendationsOut)
def recommendations(
    recommender: Recommending,
    user: Annotated[str, Query(max_length=MAX_NAME, description="Whom to recommend to; nobody need know them.")],
    k: K = 20,
    cursor: Annotated[str | None, Query(max_length=LONGEST, description="`next` of the page before.")] = None,
) -> Recommendations:
    """The next k pictures for a person, none that they have seen, each with its reason."""
    return recommender.recommend(user, k=k, cursor=cursor)


@router.get("/users/{user:path}/taste", response_model=TasteOut)
def taste(collection: Opened, recommender: Recommending, user: User) -> dict[str, Any]:
    """A person's interests, most important first; none of one nobody knows."""
    return taste_document(collection, user, recommender.tastes.interests(user))


@router.patch("/users/{user:path}/taste", response_model=TasteOut)
def steer(collection: Opened, recommender: Recommending, user: User, change: InterestChange) -> dict[str, Any]:
    """Set the weight of an interest, mute it, or delete it; the next page obeys."""
    if change.delete:
        if change.weight is not None or change.muted is not None:
            raise UsageError("An interest is either deleted or set: leave out weight and muted.")
        left = recommender.tastes.drop(user, change.interest)
    else:
        left = recommender.tastes.steer(user, change.interest, weight=change.weight, muted=change.muted)
    return taste_document(collection, user, left)


@router.delete("/users/{user:path}/taste", response_model=Forgotten)
def forget(collection: Opened, others: Collaborating, user: User) -> dict[str, Any]:
    """Delete all that is kept of a person: signals, settings, and what was learned from them. Harmless where there is
    nothing."""
    forgotten = Signals(collection.catalog.database).forget(user)
    others.drop()
    return {"user": user_name(user), "forgotten": forgotten}


@router.get("/users/{user:path}/export", response_model=ExportOut)
def export(collection: Opened, user: User) -> dict[str, Any]:
    """All that is kept of a person, as one document."""
    return Signals(collection.catalog.database).export(user)
