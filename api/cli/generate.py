"""`pixloom generate`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.following import as_dict, exit_code, summary, worked
from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say, table
from api.parameters import named_values
from api.ranking import RankedOut, told
from indexer.errors import UsageError
from indexer.job_tables import DONE
from search.engine import Engine
from tuner.jobs.book import ANYONE, Wanted
from tuner.jobs.job import Item, Job
from tuner.operations import get_operation, read_parameters
from tuner.references import settled
from tuner.withdraw import withdraw

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_OPERATION = "generate"


@app.command()
def generate(
    context: typer.Context,
    prompt: Annotated[list[str], typer.Argument(help="What they shall show, in words.")],
    count: Annotated[int, typer.Option("-n", metavar="N", help="How many candidates, 1 to 64.")] = 4,
    seed: Annotated[int, typer.Option(help="What is random begins from it; each candidate has the next one.")] = 0,
    parameters: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; may be given again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT", help="Folder for them.", show_default=False)
    ] = None,
    user: Annotated[str, typer.Option(metavar="NAME", help="Whom they are for: ranked by their taste.")] = ANYONE,
    best: Annotated[
        int | None, typer.Option(metavar="K", help="Keep the K best, and delete the others.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Make pictures of what you say, and wait for them: the best comes first, all are indexed.

    `pixloom operations generate` lists the parameters. Ctrl-C cancels; what is done stays. Exit code 1 means that
    some failed, 2 that all did.
    """
    if best is not None and not 1 <= best <= max(count, 1):
        raise UsageError(f"--best is {best}: keep 1 to {count}, the number of candidates (-n).")
    operation = get_operation(_OPERATION)
    given = named_values(parameters or []) | {"prompt": " ".join(prompt)}
    with opened(context, home) as collection:
        given = settled(operation, given, collection.settings, files=True)
        read_parameters(operation, given)
        folder = out.absolute() if out else None
        wanted = Wanted(_OPERATION, (), given, user, seed, count, folder=folder)
        job, items = worked(context, collection, wanted)
        order = told(Engine(collection), job, items)
        gone = withdraw(collection, job, items, [one.outcome for one in order[best:]]) if best is not None else []
    _say(job, items, order, gone, as_json=json)
    return exit_code(items)


def _say(job: Job, items: Sequence[Item], order: Sequence[RankedOut], gone: Sequence[int], *, as_json: bool) -> None:
    made = {item.outcome: item for item in items if item.state == DONE}
    if as_json:
        left = [as_dict(item) | {"removed": item.outcome in gone} for item in items]
        ranking = [one.model_dump(mode="json") for one in order]
        print_json({"job": job.id, "state": job.state, "reason": job.reason, "results": left, "ranking": ranking})
        return
    kept = [one for one in order if one.outcome not in gone]
    if kept:
        table(("", "picture", "seed", "score", "why", "path"), [_row(one, made) for one in kept])
    for text in dict.fromkeys(text for item in items for text in item.notes):
        note(text)
    for reason in dict.fromkeys(item.reason for item in items if item.reason):
        say(reason)
    if gone:
        note(f"{len(gone)} that came after the best {len(kept)} were deleted.")
    if made:
        note(summary(job, len(made), len(items)))


def _row(one: RankedOut, made: Mapping[int | None, Item]) -> tuple[Any, ...]:
    item = made[one.outcome]
    return one.place, f"#{one.outcome}", item.seed, one.score, one.why, item.path or ""
