"""Tags taught over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.deps import MAX_QUERY, Asked
from api.teach_schemas import TaughtOut, TeachIn
from search.tags.labels import Clicks
from search.tags.teach import teach as taught_by

router = APIRouter(prefix="/v1", tags=["tags"])


@router.post("/tags/{name:path}/teach")
def teach(
    engine: Asked, name: Annotated[str, Path(max_length=MAX_QUERY, description="The tag.")], said: TeachIn
) -> TaughtOut:
    """Teach a tag by examples and give it to all pictures that it fits; without any, say how it stands.

    Labels add to those of earlier calls; of two for one picture the later holds.
    """
    clicks = Clicks(*(tuple(dict.fromkeys(ids)) for ids in (said.yes, said.no, said.forget)))
    return TaughtOut.model_validate(taught_by(engine, name, clicks).as_dict())
