"""What people change of tags by hand: given, taken off, renamed, merged, forbidden, translated.

A renamed tag leaves its old name behind as a tag that is merged into it, so that whoever knows the old name (a data
set, the concept graph, a habit) still means the same.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from indexer.errors import NotFoundError, UsageError
from indexer.tables import Base
from indexer.tag_tables import TYPED, TagProbeRow
from search.tags.effective import GIVEN, LABEL, PICTURE, TAG
from search.tags.names import Tag, find_tags, tags_by_id, the_tag
from search.tags.rows import key_of, new_row, spelt, tag_ids

_PROBE = Base.metadata.tables[TagProbeRow.__tablename__]
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_AT_ONCE = 500


def add(connection: Connection, pictures: Sequence[int], name: str) -> Tag:
    """Give pictures a tag, which is made where there is none of that name in any language.

    Raises NotFoundError where a picture isn't in the collection, UsageError where the tag is forbidden.
    """
    tag = _named(connection, name)
    if tag.forbidden:
        raise UsageError(f"The tag {tag.name!r} is forbidden: `pixloom tag allow` first.")
    _label(connection, tag, pictures, positive=True)
    return tag


def take_off(connection: Connection, pictures: Sequence[int], name: str) -> Tag:
    """Say that pictures don't have a tag, whoever claims it. Raises NotFoundError (picture, tag)."""
    tag = the_tag(connection, name)
    _label(connection, tag, pictures, positive=False)
    return tag


def rename(connection: Connection, name: str, new: str) -> Tag:
    """Call a tag otherwise. Raises NotFoundError, and UsageError where another tag has the name already."""
    tag = _held(connection, the_tag(connection, name))
    old = connection.execute(select(TAG).where(TAG.c.id == tag.id)).one()
    key = key_of(new)
    holder = connection.execute(select(TAG).where(TAG.c.key == key, TAG.c.id != tag.id)).one_or_none()
    if holder is not None and holder.merged_into != tag.id:
        raise UsageError(f"There is a tag {holder.name!r} already: `pixloom tag merge` puts the two together.")
    if holder is not None:  # one of its own former names: the two change places
        connection.execute(update(TAG).where(TAG.c.id == holder.id).values(key=f"\\0{holder.id}"))
    connection.execute(update(TAG).where(TAG.c.id == tag.id).values(name=spelt(new), key=key))
    former = {"name": old.name, "key": old.key}
    if holder is not None:
        connection.execute(update(TAG).where(TAG.c.id == holder.id).values(**former))
    elif key != old.key:
        connection.execute(insert(TAG), [new_row(old.name, merged_into=tag.id) | former])
    return _again(connection, tag)


def merge(connection: Connection, name: str, into: str) -> Tag:
    """Put a tag into another: its pictures and labels move there, and its name and concept lead there.

    Of contradictory labels the later wins. Raises NotFoundError, and UsageError where both are the same tag.
    """
    tag, target = the_tag(connection, name), the_tag(connection, into)
    if tag.id == target.id:
        raise UsageError(f"{name!r} and {into!r} are the same tag already.")
    for one in sorted((tag, target), key=lambda one: one.id):
        _held(connection, one)
    _move_labels(connection, tag.id, target.id)
    _move_given(connection, tag.id, target.id)
    connection.execute(delete(_PROBE).where(_PROBE.c.tag_id == tag.id))
    moved = (TAG.c.id == tag.id) | (TAG.c.merged_into == tag.id)
    connection.execute(update(TAG).where(moved).values(merged_into=target.id))
    return _again(connection, target)


def forbid(connection: Connection, name: str, forbidden: bool = True) -> Tag:
    """Let no picture have a tag; or allow it again: what was said of it meanwhile is kept. A name that no tag has
    yet can be forbidden too. Raises NotFoundError where a tag that is to be allowed doesn't exist."""
    tag = _named(connection, name) if forbidden else the_tag(connection, name)
    connection.execute(update(TAG).where(TAG.c.id == tag.id).values(forbidden=forbidden))
    return _again(connection, tag)


def translate(connection: Connection, name: str, language: str, translated: str | None) -> Tag:
    """Name a tag in a language (`de`, `pt-BR`); None takes that name away. Raises NotFoundError, UsageError."""
    language = language.replace("_", "-")
    if not _LANGUAGE.fullmatch(language):
        raise UsageError(f"{language!r} is no code of a language, such as de or pt-BR.")
    tag = the_tag(connection, name)
    names = {code: text for code, text in tag.translations.items() if code.casefold() != language.casefold()}
    if translated is not None:
        key_of(translated)
        names[language] = spelt(translated)
    connection.execute(update(TAG).where(TAG.c.id == tag.id).values(translations=names))
    return _again(connection, tag)


def set_threshold(connection: Connection, name: str, threshold: float | None) -> Tag:
    """Set the probability from which a tag is given; None goes back to its own. Raises NotFoundError, UsageError."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"The threshold {threshold} is no probability: 0 to 1.")
    tag = the_tag(connection, name)
    connection.execute(update(TAG).where(TAG.c.id == tag.id).values(threshold=threshold))
    return _again(connection, tag)


def _named(connection: Connection, name: str) -> Tag:
    """The tag of that name in any language, made where there is none."""
    if not find_tags(connection, name):
        tag_ids(connection, [(name, None)])
    return the_tag(connection, name)


def _held(connection: Connection, tag: Tag) -> Tag:
    """The tag, which nobody else changes until the transaction ends (SQLite has one writer at a time anyway)."""
    connection.execute(select(TAG.c.id).where(TAG.c.id == tag.id).with_for_update())
    return tag


def _again(connection: Connection, tag: Tag) -> Tag:
    return tags_by_id(connection, [tag.id])[tag.id]


def _label(connection: Connection, tag: Tag, pictures: Sequence[int], *, positive: bool) -> None:
    _held(connection, tag)
    ids = list(dict.fromkeys(pictures))
    at = datetime.now(UTC).replace(tzinfo=None)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        known = set(connection.scalars(select(PICTURE.c.id).where(PICTURE.c.id.in_(some), ~PICTURE.c.removed)))
        if missing := [id for id in some if id not in known]:
            raise NotFoundError(f"There is no picture #{missing[0]}: `pixloom search` shows ids.")
        for table, typed in ((LABEL, ()), (GIVEN, (GIVEN.c.source == TYPED,))):
            connection.execute(delete(table).where(table.c.tag_id == tag.id, table.c.picture_id.in_(some), *typed))
        pairs = [{"picture_id": id, "tag_id": tag.id} for id in some]
        connection.execute(insert(LABEL), [{**pair, "positive": positive, "at": at} for pair in pairs])
        if positive:
            connection.execute(insert(GIVEN), [{**pair, "source": TYPED, "probability": 1.0} for pair in pairs])


def _move_labels(connection: Connection, tag: int, target: int) -> None:
    """Labels to the other tag; of two for one picture the later stays, and what was typed follows it."""
    theirs = LABEL.alias("theirs")
    same = (theirs.c.tag_id == target) & (theirs.c.picture_id == LABEL.c.picture_id)
    older = exists().where(same, theirs.c.at >= LABEL.c.at)
    connection.execute(delete(LABEL).where(LABEL.c.tag_id == tag, older))
    replaced = select(theirs.c.picture_id).where(theirs.c.tag_id == tag)
    connection.execute(delete(LABEL).where(LABEL.c.tag_id == target, LABEL.c.picture_id.in_(replaced)))
    connection.execute(update(LABEL).where(LABEL.c.tag_id == tag).values(tag_id=target))
    denied = select(LABEL.c.picture_id).where(LABEL.c.tag_id == target, ~LABEL.c.positive)
    typed = (GIVEN.c.tag_id.in_([tag, target])) & (GIVEN.c.source == TYPED)
    connection.execute(delete(GIVEN).where(typed, GIVEN.c.picture_id.in_(denied)))


def _move_given(connection: Connection, tag: int, target: int) -> None:
    """Rows to the other tag; where it has one of the same picture and source, that stays, with the higher
    probability."""
    theirs = GIVEN.alias("theirs")
    same: Any = (theirs.c.picture_id == GIVEN.c.picture_id) & (theirs.c.source == GIVEN.c.source)
    higher = exists().where(same, theirs.c.tag_id == target, theirs.c.probability >= GIVEN.c.probability)
    connection.execute(delete(GIVEN).where(GIVEN.c.tag_id == tag, higher))
    lower = exists().where(same, theirs.c.tag_id == tag)
    connection.execute(delete(GIVEN).where(GIVEN.c.tag_id == target, lower))
    connection.execute(update(GIVEN).where(GIVEN.c.tag_id == tag).values(tag_id=target))
