"""`pixloom train`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from api.cli import STOPPED
from api.cli.home import opened
from api.cli.importing import say_problems
from api.cli.index import terminate_like_ctrl_c
from api.cli.options import EncoderName, Home, Images, Json, Split
from api.cli.output import note, print_json, say, table
from api.cli.progress import shown
from api.cli.train_common import base_encoder, plain_name, refuse_other
from api.cli.train_guided import guided, joint
from api.cli.train_look import look
from indexer.collection import Collection
from indexer.encoders.checkpoint import folder_of
from indexer.errors import UsageError
from indexer.pipeline import held_signals
from indexer.sources.datasets import read_items
from indexer.sources.problems import Problems
from tuner.learn.data import Pairs, pairs_of, pairs_of_catalog
from tuner.learn.lit import Recipe
from tuner.learn.session import Result, tune_lit

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_USUAL = Recipe()


@app.callback()
def train() -> None:
    """Tune models to your own pictures."""


app.command()(guided)
app.command()(joint)
app.command()(look)


@app.command()
def lit(
    context: typer.Context,
    captions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A data set with captions: JSON lines, COCO, CSV ...", show_default=False),
    ] = None,
    from_catalog: Annotated[
        bool, typer.Option("--from-catalog", help="Train on the captions that the collection has.")
    ] = False,
    images: Images = None,
    split: Split = None,
    encoder: EncoderName = None,
    unlock: Annotated[Literal["none", "text"], typer.Option(help="What learns beside the heads.")] = _USUAL.unlock,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Passes over the pictures.")] = _USUAL.epochs,
    batch: Annotated[int, typer.Option(min=2, max=65536, help="Pictures a step.")] = _USUAL.batch,
    lr: Annotated[float, typer.Option(min=1e-8, max=1, help="Highest learning rate.")] = _USUAL.lr,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Of the text tower's adapters.")] = _USUAL.rank,
    dimension: Annotated[int, typer.Option(min=8, max=4096, help="Of the space learned.")] = _USUAL.dimension,
    holdout: Annotated[float, typer.Option(min=0.005, max=0.5, help="Share to measure by.")] = _USUAL.holdout,
    patience: Annotated[int, typer.Option(min=1, help="Worse epochs before it ends.")] = _USUAL.patience,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed, the same result.")] = _USUAL.seed,
    language: Annotated[str, typer.Option(metavar="CODE", help="Which captions.")] = "en",
    terms: Annotated[str, typer.Option(metavar="TEXT", help="The data's terms of use, for the card.")] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it: lit:NAME.")] = "lit",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Another folder than the home's models.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Teach words to a locked picture tower: locked-image tuning, on pictures with captions.

    Writes a folder that `--encoder lit:NAME` takes. Ctrl-C keeps what was done; the same command goes on from
    there. Exit code 1 means that some pictures couldn't be read: they are listed and left out.
    """
    recipe = Recipe(
        unlock=unlock,
        epochs=epochs,
        batch=batch,
        lr=lr,
        rank=rank,
        dimension=dimension,
        holdout=holdout,
        patience=patience,
        seed=seed,
    )
    if (captions is None) != from_catalog:
        raise UsageError("Name the data: --captions FILE, or --from-catalog for the collection's own captions.")
    with (
        opened(context, home) as collection,
        terminate_like_ctrl_c(),
        held_signals() as stopped,
        shown() as on_progress,
    ):
        settings = collection.settings
        folder = out.expanduser().absolute() if out else folder_of(f"lit:{plain_name(name)}", settings)
        refuse_other(folder)
        pairs, problems = _pairs(collection, captions, images, split, language)
        base = base_encoder(collection, encoder)
        result = tune_lit(
            base, pairs, recipe, folder, settings, terms=terms, on_progress=on_progress, should_stop=stopped.is_set
        )
    if result is None:
        note("Stopped: what was done is kept, the same command goes on from there.")
        return STOPPED
    used = f"lit:{folder}" if out else f"lit:{folder.name}"
    if json:
        print_json(_as_dict(result, pairs, problems, used))
    else:
        _show(result, pairs, problems, used)
    return 1 if result.failed else 0


def _pairs(
    collection: Collection, captions: Path | None, images: Path | None, split: str | None, language: str
) -> tuple[Pairs, Problems]:
    if captions is None:
        if images or split:
            raise UsageError("--images and --split go with --captions.")
        return pairs_of_catalog(collection.catalog, language), Problems()
    data = read_items("auto", captions, images, split)
    pairs = pairs_of(data, captions.name + (f", split {split}" if split else ""), language)
    return pairs, data.problems


def _show(result: Result, pairs: Pairs, problems: Problems, used: str) -> None:
    facts = result.checkpoint.facts
    held = facts["held_out_pictures"]
    say(f"Trained on {facts['pictures']} pictures with {facts['captions']} captions; on {held} others:")
    names = next(iter(result.figures.values()))
    table(
        ("", *result.figures),
        [(name.replace("_", " "), *(row[name] for row in result.figures.values())) for name in names],
    )
    for why, count in pairs.left_out.items():
        say(f"Left out: {count} pictures {why}.")
    say_problems(problems)
    for path, reason in result.failed.items():
        say(f"  can't be read: {path}: {reason}")
    say(f"It is in {result.folder}. To use it:")
    say(f"  pixloom models switch {used}")


def _as_dict(result: Result, pairs: Pairs, problems: Problems, used: str) -> dict[str, Any]:
    return {
        "encoder": used,
        "folder": str(result.folder),
        **result.checkpoint.facts,
        "left_out": pairs.left_out,
        "problems": problems.as_dict(),
        "failed": [{"path": path, "reason": reason} for path, reason in result.failed.items()],
    }
