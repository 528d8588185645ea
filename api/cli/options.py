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
        help="auto, embedded, clip:ARCH/WEIGHTS or lit:NAME; see `pixloom models`.",
        show_default=False,
    ),
]
UserName = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Whom it is about.", show_default=False)]
K = Annotated[int, typer.Option("-k", metavar="N", help="How many pictures to show.")]
All = Annotated[bool, typer.Option("--all", help="Also those that don't match well enough.")]
Images = Annotated[
    Path | None, typer.Option("--images", metavar="DIR", help="Where the pictures lie.", show_default=False)
]
Split = Annotated[
    str | None, typer.Option("--split", metavar="NAME", help="Only this part of the data.", show_default=False)
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="Of text files that aren't UTF-8.", show_default=False),
]
ColumnImage = Annotated[
    str | None,
    typer.Option("--column-image", metavar="NAME", help="Of a table: the names of pictures.", show_default=False),
]
ColumnCaptions = Annotated[
    list[str] | None,
    typer.Option("--column-caption", metavar="NAME", help="Of a table: captions; may be given again."),
]
ColumnLabels = Annotated[
    list[str] | None,
    typer.Option("--column-label", metavar="NAME", help="Of a table: labels; may be given again."),
]
