"""`pixloom search`."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from api.cli.home import opened
from api.cli.options import All, Home, Json, K
from api.cli.output import note, print_json, say, table
from api.cli.tagging import tag_engine
from indexer.collection import Collection
from search.engine import Result, Results
from search.query import parse
from search.taste.personal import personal
from search.taste.tastes import Tastes

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_TAGS = 3
"""Tags of a picture that are shown; `--json` has more."""


class _QueryCommand(TyperCommand):
    """Leaves to the query what begins with a minus and is no option: `dog - people`, `dog -people`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options first, then `--`, then the words of the query."""
        takes_value = {"-k": True, "--help": False}
        for param in self.params:
            takes_value |= {name: not getattr(param, "is_flag", False) for name in param.opts if name[0] == "-"}
        options: list[str] = []
        words: list[str] = []
        rest = list(args)
        while rest:
            word = rest.pop(0)
            if word == "--":
                words, rest = words + rest, []
            elif word in takes_value or word.startswith("--") or (word[:2] == "-k" and word[2:].isdigit()):
                options.append(word)
                if takes_value.get(word) and rest:
                    options.append(rest.pop(0))
            else:
                words.append(word)
        return super().parse_args(ctx, [*options, "--", *words])


@app.command(cls=_QueryCommand)
def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(help='Such as: a dog on the grass - people, or: "#12 + snow".')],
    k: K = 20,
    show_all: All = False,
    exact: Annotated[bool, typer.Option("--exact", help="Compare with every picture: so far always done.")] = False,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rank for this person, by their taste.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Find pictures by words, pictures, or both; the words are joined to one line.

    Terms are joined by + and -, weighted by 2*, and are words, #12 (a picture), ./beach.jpg (a file) or
    #12[10,20,200,150] (a part of a picture). tag:indoor and -tag:blurred keep only pictures with, or without, a tag.
    """
    with opened(context, home) as collection:
        engine = tag_engine(collection)
        ranking = personal(Tastes(engine), user)
        results = engine.search(" ".join(query), k=k, show_all=show_all, ranking=ranking)
        show(collection, results, as_json=json)
    return 0


def show(collection: Collection, results: Results, *, as_json: bool) -> None:
    """Print an answer, and on stderr what must be known of it."""
    if as_json:
        print_json(results.as_dict())
    elif results.results:
        found = [(rank, f"#{one.id}", *_judged(one), one.path) for rank, one in enumerate(results.results, 1)]
        columns: tuple[str, ...] = ("rank", "id", "score", "percentile", "verdict", "path")
        rows: list[tuple[object, ...]] = list(found)
        if any(one.tags for one in results.results):
            columns = (*columns, "tags")
            rows = [(*row, ", ".join(one.tags[:_TAGS])) for row, one in zip(found, results.results, strict=True)]
        table(columns, rows)
        more = results.total - len(results.results)
        note(f"{more} more match: ask for them with -k." if more > 0 else None)
    elif collection.catalog.state().index is None:
        say("Nothing has been indexed yet: begin with `pixloom index ~/Pictures`.")
    else:
        nearest = "" if parse(results.query).filters else "; --all shows the nearest ones"
        say(f"No picture matches{nearest}.")
    note(results.notice)


def _judged(one: Result) -> tuple[float, float, str]:
    return one.score, one.percentile, one.verdict
