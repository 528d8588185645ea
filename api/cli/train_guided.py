"""`pixloom train guided` and `pixloom train joint`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import STOPPED
from api.cli.home import opened
from api.cli.importing import say_problems
from api.cli.index import terminate_like_ctrl_c
from api.cli.options import EncoderName, Home, Images, Json, Split
from api.cli.output import note, print_json, say
from api.cli.progress import shown
from api.cli.train_common import base_encoder, plain_name, refuse_other
from api.cli.train_examples import Data, examples_of
from api.parameters import named_values
from indexer.config import Settings
from indexer.errors import UsageError
from indexer.pipeline import held_signals
from indexer.sources.problems import Problems

if TYPE_CHECKING:
    from tuner.learn.guided_session import Result

Pairs = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="before/NAME and after/NAME, or NAME.before.jpg and NAME.after.jpg."),
]
Degrade = Annotated[
    str | None,
    typer.Option(
        metavar="KINDS", help="Spoil clean pictures: all, or some of haze,underexposed,overexposed,cast,contrast,noise."
    ),
]
Pictures = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The clean ones: a folder, or a data set; without it, those of the collection."),
]
Epochs = Annotated[int, typer.Option(min=1, max=10_000, help="Passes over the examples.")]
Batch = Annotated[int, typer.Option(min=2, max=4096, help="Examples a step.")]
Lr = Annotated[float, typer.Option(min=1e-8, max=1, help="Highest learning rate of the transform.")]
Losses = Annotated[
    list[str] | None,
    typer.Option("--loss", metavar="NAME=WEIGHT", help="fidelity, l1, perceptual, smooth, monotone, adversarial."),
]
Sides = Annotated[str, typer.Option(metavar="N,N", help="Sides of the pictures judged, small first.")]
Variants = Annotated[int, typer.Option(min=1, max=64, help="Ways to spoil each picture.")]
Holdout = Annotated[float, typer.Option(min=0.005, max=0.5, help="Share to measure by.")]
Patience = Annotated[int, typer.Option(min=1, help="Epochs without a better one before it ends.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed, the same result.")]
Begin = Annotated[str | None, typer.Option(metavar="GUIDE", help="Go on from this guide; `shipped` is Pixloom's own.")]
Terms = Annotated[str, typer.Option(metavar="TEXT", help="The data's terms of use, for the card.")]
Name = Annotated[str, typer.Option(metavar="NAME", help="What to call it: -p guide=NAME.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Another folder than the home's models.")]


def guided(
    context: typer.Context,
    pairs: Pairs = None,
    degrade: Degrade = None,
    pictures: Pictures = None,
    images: Images = None,
    split: Split = None,
    encoder: EncoderName = None,
    epochs: Epochs = 20,
    batch: Batch = 32,
    lr: Lr = 2e-3,
    loss: Losses = None,
    sides: Sides = "32,64",
    variants: Variants = 4,
    features: Annotated[
        bool, typer.Option(help="Tell the transform what the encoder sees; without, only for comparison.")
    ] = True,
    holdout: Holdout = 0.03,
    patience: Patience = 6,
    seed: Seed = 0,
    begin: Begin = None,
    terms: Terms = "",
    name: Name = "guide",
    out: Out = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Teach a colour transform what to do with a picture by what an encoder sees of it; the encoder is locked.

    Learns from pictures before and after, or from clean ones that it spoils itself. Writes a folder that `pixloom tune
    guided -p guide=NAME` takes. Ctrl-C keeps what was done; the same command goes on from there. Exit code 1 means that
    some pictures couldn't be read: they are listed and left out.
    """
    chosen = {
        "epochs": epochs,
        "batch": batch,
        "lr": lr,
        "variants": variants,
        "features": features,
        "holdout": holdout,
        "patience": patience,
        "seed": seed,
        "sides": _numbers("--sides", sides),
    }
    data = (pairs, degrade, pictures, images, split)
    return _run(context, home, chosen, loss, data, encoder, begin, terms, name, out, json)


def joint(
    context: typer.Context,
    pairs: Pairs = None,
    degrade: Degrade = None,
    pictures: Pictures = None,
    images: Images = None,
    split: Split = None,
    encoder: EncoderName = None,
    unlock: Annotated[str, typer.Option(help="What of the encoder learns: adapters, last (block), all.")] = "adapters",
    rank: Annotated[int, typer.Option(min=1, max=256, help="Of adapters.")] = 8,
    epochs: Epochs = 12,
    batch: Batch = 32,
    lr: Lr = 2e-3,
    encoder_lr: Annotated[float, typer.Option(min=1e-8, max=1, help="The same of the encoder.")] = 5e-4,
    loss: Losses = None,
    sides: Sides = "32,64",
    looks: Annotated[str, typer.Option(metavar="N,N", help="Sides of what the encoder is shown.")] = "96,128",
    variants: Variants = 4,
    holdout: Holdout = 0.03,
    patience: Patience = 6,
    seed: Seed = 0,
    begin: Begin = None,
    terms: Terms = "",
    name: Name = "joint",
    out: Out = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Teach encoder and colour transform together, otherwise as `train guided`; searching keeps the encoder it has."""
    if unlock not in ("adapters", "last", "all"):
        raise UsageError(f"--unlock is {unlock!r}. Valid: adapters, last, all.")
    chosen = {
        "unlock": unlock,
        "rank": rank,
        "epochs": epochs,
        "batch": batch,
        "lr": lr,
        "encoder_lr": encoder_lr,
        "variants": variants,
        "holdout": holdout,
        "patience": patience,
        "seed": seed,
        "sides": _numbers("--sides", sides),
        "looks": _numbers("--looks", looks),
    }
    data = (pairs, degrade, pictures, images, split)
    return _run(context, home, chosen, loss, data, encoder, begin, terms, name, out, json)


_TOWARDS_TRUTH = ("fidelity", "l1", "perceptual", "adversarial")


def _run(
    context: typer.Context,
    home: Path | None,
    chosen: dict[str, Any],
    loss: Sequence[str] | None,
    data: Data,
    encoder: str | None,
    begin: str | None,
    terms: str,
    name: str,
    out: Path | None,
    json: bool,
) -> int:
    from tuner.guided import guide
    from tuner.learn.guided import Recipe
    from tuner.learn.guided_session import tune_guided

    recipe = Recipe(**chosen)
    recipe = replace(recipe, losses=_losses(recipe.losses, loss or ()))
    with (
        opened(context, home) as collection,
        terminate_like_ctrl_c(),
        held_signals() as stopped,
        shown() as on_progress,
    ):
        settings = collection.settings
        folder = out.expanduser().absolute() if out else guide.folder_of(plain_name(name), settings)
        refuse_other(folder)
        examples, problems = examples_of(collection, data, recipe.seed)
        base = base_encoder(collection, encoder)
        started = None if begin is None else guide.read(_begun(begin, settings))
        result = tune_guided(
            base, examples, recipe, folder, settings, begin=started, terms=terms, on_progress=on_progress,
            should_stop=stopped.is_set,
        )  # fmt: skip
    if result is None:
        note("Stopped: what was done is kept, the same command goes on from there.")
        return STOPPED
    _told(result, problems, str(folder) if out else folder.name, as_json=json)
    return 1 if result.failed else 0


def _told(result: "Result", problems: Problems, used: str, *, as_json: bool) -> None:
    facts, figures = result.guide.facts, result.figures
    if as_json:
        failed = [{"path": path, "reason": reason} for path, reason in result.failed.items()]
        whole = {"guide": used, "folder": str(result.folder), "base": result.guide.base, "side": result.guide.side}
        print_json({**whole, **facts, "problems": problems.as_dict(), "failed": failed})
        return
    say(f"Trained on {facts['examples']} examples. Held-out ones, PSNR to the truth:")
    say(f"  {figures['before']:.2f} dB before, {figures['after']:.2f} dB after")
    if figures["after"] <= figures["before"]:
        note("It makes those no better than they were: more examples or epochs, or --begin shipped, may help.")
    say_problems(problems)
    for path, reason in result.failed.items():
        say(f"  can't be read: {path}: {reason}")
    say(f"It is in {result.folder}. To use it:")
    say(f"  pixloom tune guided PICTURE -p guide={used}")


def _begun(begin: str, settings: Settings) -> Path:
    from tuner.guided import guide

    return Path(begin).expanduser() if "/" in begin else guide.folder_of(begin, settings)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"{option} is {text!r}: give whole numbers, such as 32,64.") from error
    if not all(8 <= number <= 1024 for number in numbers):
        raise UsageError(f"{option} is {text!r}: each is from 8 to 1024 pixels.")
    return numbers


def _losses(usual: Any, given: Sequence[str]) -> Any:
    known = usual.__dataclass_fields__
    found = {}
    for name, value in named_values(list(given)).items():
        try:
            found[name] = float(value)
        except (TypeError, ValueError) as error:
            raise UsageError(f"--loss {name} is {value!r}: its weight is a number, such as {name}=0.1.") from error
        if name not in known or not 0 <= found[name] <= 1000:
            raise UsageError(f"--loss {name}={value}: weights are 0 to 1000, of {', '.join(known)}.")
    losses = replace(usual, **found)
    if not any(getattr(losses, name) for name in _TOWARDS_TRUTH):
        raise UsageError(f"--loss leaves nothing that compares with the truth: one of {', '.join(_TOWARDS_TRUTH)}.")
    return losses
