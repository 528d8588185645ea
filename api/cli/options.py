"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Home = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="Home folder; or PIXLOOM_HOME.", show_default=False)
]
EncoderName = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="auto, embedded or clip:ARCH/WEIGHTS; see `pixloom models`.",
        show_default=False,
    ),
]
K = Annotated[int, typer.Option("-k", metavar="N", help="How many pictures to show.")]
All = Annotated[bool, typer.Option("--all", help="Also those that don't match well enough.")]
