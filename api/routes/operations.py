"""What can be made from pictures."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import Opened
from api.operations import described
from api.tune_schemas import OperationOut, Operations
from indexer.models.machine import this_machine
from tuner.operations import all_operations
from tuner.work import Work

router = APIRouter(prefix="/v1", tags=["tuning"])


@router.get("/operations")
def operations(
    collection: Opened,
    picture: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Say what each would take for it.")] = None,
) -> Operations:
    """Every operation: its parameters with ranges, the methods that can do it and which is used now, its cost."""
    size = None
    if picture is not None:
        record = collection.catalog.picture(picture)
        size = record.width, record.height
    work, free = Work(collection.settings), this_machine().free
    return Operations(operations=[OperationOut(**described(one, work, size, free)) for one in all_operations()])
