"""One run of guided or joint training, from pictures to a guide's folder: read, train, measure, write."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from indexer import __version__
from indexer.config import Settings
from indexer.database import disk_error
from indexer.encoders.checkpoint import load_towers
from indexer.encoders.headed import Towers
from indexer.errors import UsageError
from indexer.limits import Limits
from indexer.types import OnProgress
from tuner.guided import guide
from tuner.guided.guide import Guide
from tuner.guided.pairs import FEWEST
from tuner.learn.before_after import Examples
from tuner.learn.guided import Recipe, Trained, measure, train
from tuner.learn.guided_card import card
from tuner.learn.seen import Seen


@dataclass(frozen=True, slots=True)
class Result:
    """A run that came to its end."""

    folder: Path
    guide: Guide
    figures: Mapping[str, float]
    """PSNR in dB, over held-out examples in small: of the befores as they are, and of what was made of them."""
    failed: Mapping[str, str]
    """Path -> reason of the examples that couldn't be read."""


def tune_guided(
    base: str,
    examples: Examples,
    recipe: Recipe,
    folder: Path,
    settings: Settings,
    *,
    begin: Guide | None = None,
    terms: str = "",
    on_progress: OnProgress,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result | None:
    """Train on `examples` over the encoder `base` and write the guide to `folder`; None where it was stopped.

    The same call goes on where it was stopped. `begin` is a guide over the same encoder to go on from; `terms` are
    those of the data, for the card. Raises UsageError for an encoder without towers, a guide that doesn't fit, and too
    few examples, EncoderError, HomeError where the disk can't be written.
    """
    towers = load_towers(base, settings)
    _check(towers, recipe, begin)
    recipe = recipe if towers.any_size else replace(recipe, looks=(towers.picture_size,))
    joint = recipe.unlock != "none"
    side = max((*recipe.sides, *(recipe.looks if joint else ())))
    seen = Seen(settings.cache / "seen", examples, None if joint else towers, side, recipe.variants)
    if not seen.compute(Limits.of(settings), on_progress, should_stop):
        return None
    failed = {examples.names[number]: reason for number, reason in seen.failed.items()}
    if len(examples.names) - len(failed) < FEWEST:
        raise UsageError(
            f"Only {len(examples.names) - len(failed)} examples can be read, {FEWEST} are needed: {failed}."
        )
    started = begin.digest if begin else ""
    name = f"{examples.digest} {towers.fingerprint} {started} {sorted(asdict(recipe).items())}"
    work = settings.cache / "training" / hashlib.sha256(name.encode()).hexdigest()[:16]
    try:
        work.mkdir(parents=True, exist_ok=True)
        trained = train(towers, seen, recipe, work, on_progress, should_stop, begin.transform if begin else None)
    except OSError as error:
        raise disk_error(error, settings.cache) from error
    if trained is None:
        return None
    made = _guide(base, towers, trained, recipe, seen, terms, measure(trained, towers, seen, recipe))
    guide.write(made, folder, card(folder.name, made))
    shutil.rmtree(work, ignore_errors=True)
    return Result(folder, made, made.facts["held_out"], failed)


def _check(towers: Towers, recipe: Recipe, begin: Guide | None) -> None:
    if begin is not None and begin.tower != towers.fingerprint:
        raise UsageError(f"The guide to begin with is over {begin.base}, not over {towers.name}: begin without it.")
    if begin is not None and begin.side is not None:
        raise UsageError("The guide to begin with has changed its encoder: begin with one that hasn't.")
    if min(recipe.sides) < 8 or min(recipe.looks) < 32:
        raise UsageError("Pictures are judged from 8 pixels a side on, and looked at from 32 on.")


def _guide(
    base: str, towers: Towers, trained: Trained, recipe: Recipe, seen: Seen, terms: str, figures: Mapping[str, float]
) -> Guide:
    made = guide.made(base, towers.fingerprint, trained.net, trained.side, trained.omega)
    facts = {
        "pixloom": __version__,
        "data": seen.examples.source,
        "terms": terms or "not stated",
        "examples": len(seen.examples.names) - len(seen.failed),
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "history": [round(score, 3) for score in trained.history],
        "held_out": {name: round(value, 3) for name, value in figures.items()},
    }
    return replace(made, facts=facts)
