"""All tags of a collection brought up to date: those that data sets and metadata give, those that the vocabulary's
scores give, and those that were taught."""

from collections.abc import Callable, Sequence

from sqlalchemy import exists, select

from indexer.errors import EncoderError
from indexer.tag_tables import TagProbeRow
from indexer.types import OnProgress
from search.engine import Engine
from search.tags.imported import refresh_imported
from search.tags.tagger import Tagger
from search.tags.teach import bring_up_to_date


def refresh_tags(
    tagger: Tagger,
    engine: Engine,
    pictures: Sequence[int] | None = None,
    *,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> str | None:
    """Do what is to be done, which is little where nothing has changed; `pictures` are the only ones that did, where
    that is known.

    What is stopped or killed goes on at the next call. Gives a line for the user where tags have to wait, because the
    encoder that they need can't be had now.
    """
    collection = tagger.collection
    refresh_imported(collection, pictures)
    try:
        tagger.refresh(on_progress=on_progress, should_stop=should_stop)
        with collection.catalog.database.read() as connection:
            taught = connection.scalar(select(exists().where(TagProbeRow.tag_id.is_not(None))))
        snapshot = engine.snapshot() if taught and not should_stop() else None
        if snapshot is not None:
            bring_up_to_date(collection, snapshot)
    except EncoderError as error:
        return f"Tags of new pictures have to wait: {error}"
    return None
