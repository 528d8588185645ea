"""Ready feeds."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import MAX_NAME, Asked
from api.schemas import OnThisDayOut
from search.taste.feeds import OnThisDay, on_this_day

router = APIRouter(prefix="/v1/feeds", tags=["feeds"])


@router.get("/on-this-day", response_model=OnThisDayOut)
def this_day(
    engine: Asked,
    day: Annotated[date | None, Query(alias="date", description="YYYY-MM-DD; today by default.")] = None,
    k: Annotated[int, Query(description="How many pictures of each year to give.")] = 20,
    user: Annotated[str | None, Query(max_length=MAX_NAME, description="Whose opinions of pictures count.")] = None,
) -> OnThisDay:
    """Pictures taken on this day of earlier years, best and most varied first."""
    return on_this_day(engine, day, k=k, user=user)
