"""A picture's edits as documents tell of them, the same from the command line and over HTTP."""

from api.tune_schemas import EditOut, Edits
from indexer.collection import Collection
from tuner.edits import ancestry, edit_of, edits_of


def told(collection: Collection, id: int) -> Edits:
    """The edits of a picture, how it was made itself, and the way back to the original; NotFoundError."""
    collection.catalog.picture(id)
    with collection.catalog.database.read() as connection:
        made, line = edit_of(connection, id), ancestry(connection, id)
        edits = edits_of(connection, id)
    return Edits(
        picture=id,
        original=line[-1],
        line=line,
        made=EditOut.of(made) if made else None,
        edits=[EditOut.of(edit) for edit in edits],
    )
