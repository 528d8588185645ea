"""`pixloom train look`."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import print_json, say
from indexer.errors import UsageError
from indexer.limits import Limits
from tuner.guided.looks import Look, nothing
from tuner.guided.pairs import fit_pairs, mean_distance, read_pairs
from tuner.guided.shelf import keep_look, look_file
from tuner.work import Work


def look(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    pairs: Annotated[
        Path,
        typer.Option(metavar="DIR", help="before/ and after/ with equal names, or NAME.before.jpg and NAME.after.jpg."),
    ],
    json: Json = False,
    home: Home = None,
) -> int:
    """Learn a look from five or more pictures before and after, for `pixloom tune guided PICTURE -p look=NAME`.

    Exit code 1 means that some pairs couldn't be used: they are listed and left out.
    """
    with opened(context, home) as collection:
        settings = collection.settings
        path = look_file(name, settings)
        if path.exists():
            raise UsageError(f"There is a look {name!r} already: choose another name, or delete {path}.")
        found = read_pairs(pairs.expanduser().absolute(), Limits.of(settings))
        learned = fit_pairs(found.pairs)
        work = Work(settings)
        before, after = (mean_distance(found.pairs, one, work) for one in (Look(nothing()), learned))
        facts = {"pairs": len(found.pairs), "before": round(before, 2), "after": round(after, 2)}
        keep_look(learned, path, facts)
    if json:
        failed = [{"name": one, "reason": reason} for one, reason in found.failed.items()]
        print_json({"look": path.stem, "path": str(path), **facts, "failed": failed})
    else:
        say(f"Learned from {len(found.pairs)} pairs: CIEDE2000 to what was wanted {before:.2f}, now {after:.2f}.")
        for one, reason in found.failed.items():
            say(f"  left out: {one}: {reason}")
        say(f"To use it: pixloom tune guided PICTURE -p look={path.stem}")
    return 1 if found.failed else 0
