"""`pixloom tag`: what people say of tags."""

from collections.abc import Callable

import typer

from api.cli.tag_teach import teach

SUBCOMMANDS: dict[str, Callable[..., int]] = {
    "teach": teach,
}
"""`pixloom tag NAME ...` -> the function whose parameters are its own."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Teach tags.",
)
for _name, _function in SUBCOMMANDS.items():
    app.command(_name)(_function)


@app.callback()
def tag() -> None:
    """Teach tags."""
