"""`pixloom tag`: tags taught by examples, and what people change of tags by hand."""

from collections.abc import Callable

import typer

from api.cli.tag_edit import add, allow, forbid, language, merge, remove, rename, threshold, translate
from api.cli.tag_teach import teach

SUBCOMMANDS: dict[str, Callable[..., int]] = {
    "teach": teach,
    "add": add,
    "remove": remove,
    "rename": rename,
    "merge": merge,
    "forbid": forbid,
    "allow": allow,
    "translate": translate,
    "language": language,
    "threshold": threshold,
}
"""`pixloom tag NAME ...` -> the function whose parameters are its own."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Teach tags, change them by hand, and those of pictures.",
)
for _name, _function in SUBCOMMANDS.items():
    app.command(_name)(_function)
