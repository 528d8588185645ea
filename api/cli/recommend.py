"""`pixloom recommend`."""

from typing import Annotated

import typer

from api.cli.feedback import asked
from api.cli.home import opened
from api.cli.options import Home, Json, K, UserName
from api.cli.output import note, print_json, say, table
from search.engine import Engine
from search.taste.background import Others
from search.taste.recommend import Recommender

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def recommend(
    context: typer.Context,
    user: UserName = None,
    k: K = 20,
    cursor: Annotated[
        str | None, typer.Option(metavar="NEXT", help="`next` of the page before.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Show pictures that a person hasn't seen and may like, each with its reason.

    Whoever is new gets a tour of the collection; one `pixloom like` already changes it.
    """
    with opened(context, home) as collection:
        others = Others(collection)
        page = Recommender(Engine(collection), collaborative=others.refresh).recommend(asked(user), k=k, cursor=cursor)
    if json:
        print_json(page.as_dict())
    elif page.results:
        table(("id", "why", "path"), [(f"#{item.id}", item.why.text, item.path) for item in page.results])
        if page.known:
            note(f"{page.exploration:.0%} of a page explores; `pixloom taste` shows and steers the rest.")
    elif page.encoder is None:
        say("Nothing has been indexed yet: begin with `pixloom index ~/Pictures`.")
    else:
        say(f"{page.user} has seen every picture.")
    note(page.notice)
    return 0
