"""Which tags a picture has once all that was said is weighed. This is decided here and nowhere else.

A tag that was merged into another counts as that one. A forbidden tag is had by no picture. What a person denied,
no source can claim; what a person affirmed, the picture has, as `typed`. A tag's own threshold holds for what was
estimated (`model`, `taught`). Pictures that can't be found have no tags.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from indexer.tables import Base, PictureRow
from indexer.tag_tables import MODEL, TAUGHT, TYPED, PictureTagRow, TagLabelRow, TagRow
from indexer.types import Ids

PICTURE, TAG, GIVEN, LABEL = (
    Base.metadata.tables[row.__tablename__] for row in (PictureRow, TagRow, PictureTagRow, TagLabelRow)
)
CANONICAL = func.coalesce(TAG.c.merged_into, TAG.c.id)
"""The id of the tag that a row of the tag table stands for."""
CALLED = TAG.alias("called")
"""The tag that counts, in what `effective` gives."""


def effective(*, of_pictures: bool = False, of_tags: bool = False) -> Select[Any]:
    """(picture_id, tag_id, source, probability) of the tags that pictures have; a pair once for each source.

    `of_pictures` asks only of the pictures bound to `pictures`; `of_tags` only of the tag rows bound to `tags`, which
    must name those merged into them too.
    """
    said = union_all(
        select(GIVEN.c.picture_id, GIVEN.c.tag_id, GIVEN.c.source, GIVEN.c.probability).where(
            *_only(GIVEN, of_pictures, of_tags)
        ),
        select(
            LABEL.c.picture_id, LABEL.c.tag_id, literal(TYPED).label("source"), literal(1.0).label("probability")
        ).where(LABEL.c.positive, *_only(LABEL, of_pictures, of_tags)),
    ).subquery("said")
    tag, denied = CALLED, LABEL.alias("denied")
    enough = or_(
        tag.c.threshold.is_(None),
        said.c.source.not_in([MODEL, TAUGHT]),
        said.c.probability >= tag.c.threshold,
    )
    no = and_(denied.c.picture_id == said.c.picture_id, denied.c.tag_id == tag.c.id, ~denied.c.positive)
    return (
        select(said.c.picture_id, tag.c.id.label("tag_id"), said.c.source, said.c.probability)
        .join(TAG, TAG.c.id == said.c.tag_id)
        .join(tag, tag.c.id == CANONICAL)
        .join(PICTURE, PICTURE.c.id == said.c.picture_id)
        .outerjoin(denied, no)
        .where(PICTURE.c.live, ~tag.c.forbidden, denied.c.tag_id.is_(None), enough)
    )


def _only(table: Any, of_pictures: bool, of_tags: bool) -> list[ColumnElement[bool]]:
    wanted = []
    if of_pictures:
        wanted.append(table.c.picture_id.in_(bindparam("pictures", expanding=True)))
    if of_tags:
        wanted.append(table.c.tag_id.in_(bindparam("tags", expanding=True)))
    return wanted


_pairs = effective(of_tags=True).subquery()
_DISPUTED = select(func.aggregate_strings(cast(_pairs.c.picture_id, Text), ","))
_UNDISPUTED = [
    select(func.aggregate_strings(cast(table.c.picture_id, Text), ",")).where(
        table.c.tag_id.in_(bindparam("tags", expanding=True))
    )
    for table in (GIVEN, LABEL)
]
_IN: Any = bindparam("tags", expanding=True)
_ROWS = select(TAG.c.id, CANONICAL.label("stands_for"), TAG.c.forbidden, TAG.c.threshold).where(
    or_(TAG.c.id.in_(_IN), TAG.c.merged_into.in_(_IN))
)
_DENIED = select(LABEL.c.tag_id).distinct().where(LABEL.c.tag_id.in_(_IN), ~LABEL.c.positive)


def pictures_with(connection: Connection, tags: Sequence[int]) -> Ids:
    """Ids of the pictures that have at least one of these tags, in no order, some maybe twice; also of pictures that
    can't be found.

    Of a tag without a threshold that nobody denied to any picture, every row counts: no need to look at each.
    """
    rows = connection.execute(_ROWS, {"tags": list(tags)}).all()
    own = {row.id: row for row in rows}
    denied = {own[id].stands_for for id in connection.scalars(_DENIED, {"tags": list(own)})}
    allowed = [row for row in rows if not own[row.stands_for].forbidden]
    disputed = [row.id for row in allowed if row.stands_for in denied or own[row.stands_for].threshold is not None]
    plain = sorted({row.id for row in allowed} - set(disputed))
    texts = [connection.scalar(query, {"tags": plain}) for query in _UNDISPUTED if plain]
    texts += [connection.scalar(_DISPUTED, {"tags": disputed})] if disputed else []
    # Numbers in one text: a row for each would cost several times as much.
    return np.concatenate([np.empty(0, np.int64), *(np.fromstring(text, np.int64, sep=",") for text in texts if text)])
