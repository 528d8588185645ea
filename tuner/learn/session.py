"""One training run, from data to a checkpoint's folder: gather, train, measure, write it with its card."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from indexer import __version__
from indexer.config import Settings
from indexer.database import disk_error
from indexer.encoders.blend import Blend
from indexer.encoders.checkpoint import Checkpoint, headed, load_towers
from indexer.encoders.headed import HeadedEncoder, Towers
from indexer.limits import Limits
from indexer.types import OnProgress
from tuner.learn.card import card
from tuner.learn.contrastive import recalls
from tuner.learn.data import Pairs
from tuner.learn.lit import Recipe, Trained, train
from tuner.learn.training_set import TrainingSet, gather

BLENDS = {
    "embedded": Blend(
        pictures={"lit": 0.18, "conse": 0.18, "visual": 0.64},
        word={"lit": 1.0, "conse": 12.0, "visual": 1.0},
        sentence={"lit": 1.0, "conse": 0.3, "visual": 1.0},
    ),
    "clip": Blend.even(["lit", "shared"]),
}
"""Base -> how much blocks count. Beside what was trained stands what the base can do by itself, so that breadth is
not lost where the data are narrow. Shares were chosen on development data: docs/quality.md."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run that came to its end; `figures` are of held-out pictures, by what was measured."""

    folder: Path
    checkpoint: Checkpoint
    figures: Mapping[str, Mapping[str, float]]
    failed: Mapping[str, str]
    """Path -> reason of the pictures that couldn't be read."""


def tune_lit(
    base: str,
    pairs: Pairs,
    recipe: Recipe,
    folder: Path,
    settings: Settings,
    *,
    terms: str = "",
    on_progress: OnProgress,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result | None:
    """Train on `pairs` over the towers of `base` and write the checkpoint to `folder`; None where it was stopped.

    The same call goes on where it was stopped. `terms` are those of the data, for the card. Raises UsageError for a
    base without towers and for too few pictures, EncoderError, HomeError where the disk can't be written.
    """
    towers = load_towers(base, settings)
    name = f"{pairs.digest} {towers.fingerprint} {towers.text_fingerprint} {sorted(asdict(recipe).items())}"
    work = settings.cache / "training" / hashlib.sha256(name.encode()).hexdigest()[:16]
    found = gather(
        pairs,
        towers,
        recipe.views,
        holdout=recipe.holdout,
        seed=recipe.seed,
        cache=settings.cache / "features",
        limits=Limits.of(settings),
        on_progress=on_progress,
        should_stop=should_stop,
    )
    if found is None:
        return None
    data, failed = found
    try:
        trained = train(towers, data, recipe, work, on_progress, should_stop)
    except OSError as error:
        raise disk_error(error, settings.cache) from error
    if trained is None:
        return None
    checkpoint = _checkpoint(base, towers, trained, recipe, data, pairs, terms)
    figures = _measure(checkpoint, towers, data, settings)
    checkpoint = replace(checkpoint, facts={**checkpoint.facts, "held_out": figures})
    checkpoint.write(folder, card(folder.name, checkpoint))
    shutil.rmtree(work, ignore_errors=True)
    return Result(folder, checkpoint, figures, failed)


def _checkpoint(
    base: str, towers: Towers, trained: Trained, recipe: Recipe, data: TrainingSet, pairs: Pairs, terms: str
) -> Checkpoint:
    blend = BLENDS[base.partition(":")[0]]
    made = Checkpoint.made(base, towers.fingerprint, blend, trained.lit, trained.adapters)
    facts = {
        "pixloom": __version__,
        "data": pairs.source,
        "terms": terms or "not stated",
        "pictures": len(data.training),
        "captions": len(data.rows_of(data.training)),
        "held_out_pictures": len(data.held_out),
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "history": [round(score, 4) for score in trained.history],
    }
    return replace(made, facts=facts)


def _measure(
    checkpoint: Checkpoint, towers: Towers, data: TrainingSet, settings: Settings
) -> dict[str, dict[str, float]]:
    """Recall both ways on the held-out pictures: of the base alone, of the trained block alone, of both."""
    both = headed("trained", checkpoint, settings)
    alone = {name: head for name, head in both.heads.items() if name == "lit"}
    encoders = {
        "before": HeadedEncoder("before", towers, towers.heads),
        "trained part alone": HeadedEncoder("lit", both.towers, alone),
        "trained": both,
    }
    rows = data.rows_of(data.held_out)
    captions = [data.captions[row] for row in rows]
    features = np.asarray(data.features[0, data.held_out], np.float32)
    owner = np.searchsorted(data.held_out, data.owner[rows])
    figures = {}
    for name, encoder in encoders.items():
        found = recalls(encoder.encode_texts(captions), encoder.tower.project(features), owner)
        figures[name] = {what: round(recall, 4) for what, recall in found.items()}
    return figures
