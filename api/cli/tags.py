"""`pixloom tags`: the tags of pictures or of the whole collection; written to sidecars, or exported."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say, table
from api.cli.progress import shown
from api.cli.similar import named
from api.cli.tagging import bring_tags, tag_engine
from api.files import replaced
from indexer.collection import Collection
from indexer.errors import NotFoundError, UsageError
from search.query import parse
from search.tags.book import counted
from search.tags.export import FORMATS, described, export_lines
from search.tags.pictures import Tagged, count_pictures, tagged
from search.tags.sidecar import write_sidecars
from search.tags.tagger import Tagger

app = typer.Typer(add_completion=False, rich_markup_mode=None)
EVERYDAY = "everyday"
"""What to say instead of a file for the vocabulary that ships."""
_SHOWN = 5
"""Failures that are shown; `--json` has all."""


class Place(StrEnum):
    """Where tags can be written to."""

    SIDECAR = "sidecar"


@app.command()
def tags(
    context: typer.Context,
    pictures: Annotated[
        list[str] | None, typer.Argument(metavar="PICTURE...", help="Ids (12 or '#12') or files of the collection.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="The collection's tags; for --write, all its pictures.")] = False,
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tag by the names in this file; `everyday`: by those that ship.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[Place | None, typer.Option(help="Write the tags to XMP files beside the pictures.")] = None,
    export: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a .csv or .jsonl file; - writes to stdout.", show_default=False),
    ] = None,
    format: Annotated[
        str | None, typer.Option(metavar="csv|jsonl", help="Of the export, where its name doesn't tell.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="QUERY", help="Count only within what matches.", show_default=False)
    ] = None,
    contains: Annotated[str, typer.Option(metavar="TEXT", help="Only tags with this in their names.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many tags to list.")] = 100,
    after: Annotated[int, typer.Option(min=0, help="How many to pass over first.")] = 0,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Show names in this language.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Show the tags of pictures, or with --all those of the collection with how many pictures have each."""
    if every == bool(pictures) and not (vocabulary and not pictures):
        raise UsageError("Name pictures, or say --all: one of both.")
    if write and export:
        raise UsageError("--write and --export are two runs: leave one of them out.")
    with opened(context, home) as collection:
        if vocabulary:
            _use(collection, vocabulary)
        with shown() as on_progress:
            bring_tags(collection, on_progress)
        ids = None if every or not pictures else [*dict.fromkeys(picture_id(collection, one) for one in pictures)]
        if write:
            return _write(collection, tagged(collection, ids, language), ids, json)
        if export:
            return _export(tagged(collection, ids, language), export, format, json)
        if ids is not None:
            _show(list(tagged(collection, ids, language)), json)
        else:
            _list(collection, query, json, contains=contains, limit=limit, after=after, language=language)
    return 0


def picture_id(collection: Collection, picture: str) -> int:
    """The id of a picture of the collection by what the user calls it. Raises NotFoundError."""
    known = named(picture)
    if isinstance(known, int):
        return collection.catalog.picture(known).id
    id = collection.catalog.find(path=known.absolute())
    if id is None:
        raise NotFoundError(f"{picture} is not in the collection: `pixloom index {picture}` takes it in.")
    return id


def _use(collection: Collection, vocabulary: Path) -> None:
    names = Tagger(collection).use_vocabulary(None if str(vocabulary) == EVERYDAY else vocabulary)
    note(f"{len(names)} names are in use from now on.")
    for line in names.skipped[:_SHOWN]:
        note(f"  {line}")
    note(f"{len(names.skipped)} lines were skipped." if len(names.skipped) > _SHOWN else None)


def _show(pictures: list[Tagged], json: bool) -> None:
    if json:
        told = [{"id": one.id, "path": one.paths[0], **described(one)} for one in pictures]
        print_json({"pictures": told})
        return
    rows = [
        (f"#{one.id}", tag.name, "" if tag.probability is None else tag.probability, ", ".join(tag.sources))
        for one in pictures
        for tag in one.tags
    ]
    table(("id", "tag", "probability", "from"), rows) if rows else say("No tags.")


def _list(collection: Collection, query: str | None, json: bool, **options: Any) -> None:
    among = None if query is None else tag_engine(collection).matching(parse(query)).tolist()
    with collection.catalog.database.read() as connection:
        page = counted(connection, among=among, **options)
    if json:
        print_json(asdict(page))
        return
    rows = [
        (one.name, one.count, ", ".join(f"{source} {n}" for source, n in one.sources.items()), _remarks(one))
        for one in page.tags
    ]
    table(("tag", "pictures", "from", ""), rows) if rows else say("No tags.")
    note(f"{page.total} tags: the next page is --after {page.next}." if page.next is not None else None)


def _remarks(entry: Any) -> str:
    told = ["forbidden"] if entry.forbidden else []
    told += [f"from {entry.threshold}"] if entry.threshold is not None else []
    return ", ".join(told)


def _write(collection: Collection, pictures: Iterable[Tagged], ids: list[int] | None, json: bool) -> int:
    total = count_pictures(collection) if ids is None else len(ids)
    with shown() as on_progress:
        above = Tagger(collection).above
        result = write_sidecars(collection, pictures, above=above, on_progress=on_progress, total=total)
    failed = [{"path": str(path), "reason": reason} for path, reason in result.failed]
    if json:
        print_json({"written": result.written, "unchanged": result.unchanged, "failed": failed})
    else:
        say(f"Wrote {result.written} sidecars; {result.unchanged} needed no change.")
        for one in failed[:_SHOWN]:
            note(f"  {one['path']}: {one['reason']}")
        note(f"{len(failed)} couldn't be written; --json lists them." if failed else None)
    return 1 if failed else 0


def _export(pictures: Iterable[Tagged], name: str, format: str | None, json: bool) -> int:
    chosen = format or ("csv" if name == "-" else Path(name).suffix.lstrip(".").lower())
    if chosen not in FORMATS:
        raise UsageError(f"{name} says no format of an export: end it in .csv or .jsonl, or give --format.")
    if name == "-":
        if json:
            raise UsageError("The export goes to stdout: leave out --json, or name a file.")
        for line in export_lines(pictures, chosen):
            sys.stdout.write(line)
        return 0
    count = 0

    def counting() -> Iterator[Tagged]:
        nonlocal count
        for one in pictures:
            count += 1
            yield one

    with replaced(Path(name)) as file:
        file.writelines(export_lines(counting(), chosen))
    if json:
        print_json({"file": name, "format": chosen, "pictures": count})
    else:
        say(f"Wrote {count} pictures to {name}.")
    return 0
