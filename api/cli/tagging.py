"""Tags brought up to date by a command line."""

from api.cli.output import note
from indexer.collection import Collection
from indexer.types import OnProgress
from search.engine import Engine
from search.tags.tagger import Tagger
from search.tags.upkeep import refresh_tags


def bring_tags(collection: Collection, on_progress: OnProgress | None = None) -> None:
    """Bring the collection's tags up to date, and say so where they have to wait."""
    note(refresh_tags(Tagger(collection), Engine(collection), on_progress=on_progress))


def tag_engine(collection: Collection) -> Engine:
    """An engine whose tag filters know what is a kind of what."""
    return Engine(collection, descendants=Tagger(collection).descendants)
