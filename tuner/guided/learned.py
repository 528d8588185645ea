"""Pictures put right by a guide."""

from functools import lru_cache
from pathlib import Path

from indexer.config import Settings
from indexer.types import Floats
from tuner.enhance.light import reduced
from tuner.guided import guide
from tuner.guided.apply import apply_tables
from tuner.guided.guide import SMALL, Guide, Seeing
from tuner.work import Work


def corrected(rgb: Floats, name: str, strength: float, work: Work) -> Floats:
    """[h, w, 3] in 0..1 as the guide of that name would have it; the empty name is the guide that ships.

    `strength` is how much of it: 0 leaves the picture as it is, 1 is what the guide says, 2 goes as far again.
    Errors as those of `guide.read` and `guide.seeing`.
    """
    work.step(0, 1, "looking")
    found = guide.read(guide.folder_of(name, work.settings))
    work.model_used[f"guide:{Path(name).name or 'shipped'}"] = found.digest
    tables = found.predict(reduced(rgb, SMALL), _seeing(found, work.settings))
    return apply_tables(tables, rgb, strength, work)


@lru_cache(maxsize=2)
def _seeing(found: Guide, settings: Settings) -> Seeing:
    return guide.seeing(found, settings)
