"""A person's taste as documents tell of it, the same from the command line and over HTTP."""

from collections.abc import Sequence
from typing import Any

from indexer.collection import Collection
from search.taste.interests import Interest
from search.taste.names import name_of
from search.taste.signals import user_name


def taste_document(collection: Collection, user: str, interests: Sequence[Interest]) -> dict[str, Any]:
    """A person's interests, each with its name, pictures and settings."""
    with collection.catalog.database.read() as connection:
        told = [
            {
                "id": interest.id,
                "label": name_of(connection, interest.pictures),
                "weight": interest.weight,
                "share": round(interest.share, 4),
                "muted": interest.muted,
                "pictures": list(interest.pictures),
            }
            for interest in interests
        ]
    return {"user": user_name(user), "interests": told}
