"""What interests are about in words, where their pictures have tags."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from indexer.tag_tables import PictureTagRow, TagRow

_SHARE = 0.5
"""Share of an interest's pictures that have its name as a tag."""
_AT_MOST = 500


def name_of(connection: Connection, pictures: Sequence[int]) -> str | None:
    """The tag that at least half of the pictures have; of several the one that fewest others have, so that it is
    "lynx" rather than "animal". None where there is none."""
    some = list(pictures[:_AT_MOST])
    count = func.count(func.distinct(PictureTagRow.picture_id))
    shared = (
        select(PictureTagRow.tag_id)
        .where(PictureTagRow.picture_id.in_(some))
        .group_by(PictureTagRow.tag_id)
        .having(count >= max(1, _SHARE * len(some)))
    )
    found = (
        select(TagRow.name)
        .join(PictureTagRow, PictureTagRow.tag_id == TagRow.id)
        .where(TagRow.id.in_(shared), ~TagRow.forbidden, TagRow.merged_into.is_(None))
        .group_by(TagRow.id, TagRow.name)
        .order_by(count, TagRow.name)
        .limit(1)
    )
    return connection.scalar(found)
