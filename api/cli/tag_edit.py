"""The commands of `pixloom tag` that give tags, take them off, and change their names and rights."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import print_json, say
from api.cli.tags import picture_id
from indexer.errors import UsageError
from search.tags import edit
from search.tags.imported import refresh_imported
from search.tags.languages import SOURCES, fill_language
from search.tags.names import Tag

Name = Annotated[str, typer.Argument(metavar="NAME", help="A tag, by its name in any language.")]
Pictures = Annotated[
    list[str], typer.Argument(metavar="PICTURE...", help="Ids (12 or '#12') or files of the collection.")
]


def add(context: typer.Context, name: Name, pictures: Pictures, json: Json = False, home: Home = None) -> int:
    """Give pictures a tag; it is made where there is none of that name."""
    return _label(context, edit.add, name, pictures, "have", json, home)


def remove(context: typer.Context, name: Name, pictures: Pictures, json: Json = False, home: Home = None) -> int:
    """Take a tag off pictures; no model gives it to them again."""
    return _label(context, edit.take_off, name, pictures, "don't have", json, home)


def rename(
    context: typer.Context,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is called from now on.")],
    json: Json = False,
    home: Home = None,
) -> int:
    """Call a tag otherwise; its old name still leads to it."""
    return _change(context, json, home, lambda connection: edit.rename(connection, name, new))


def merge(
    context: typer.Context,
    name: Name,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The tag that stays.")],
    json: Json = False,
    home: Home = None,
) -> int:
    """Put a tag into another: its pictures and corrections move there."""
    return _change(context, json, home, lambda connection: edit.merge(connection, name, into))


def forbid(context: typer.Context, name: Name, json: Json = False, home: Home = None) -> int:
    """Never show, count, search by or export a tag."""
    return _change(context, json, home, lambda connection: edit.forbid(connection, name))


def allow(context: typer.Context, name: Name, json: Json = False, home: Home = None) -> int:
    """Allow a forbidden tag again."""
    return _change(context, json, home, lambda connection: edit.forbid(connection, name, False))


def translate(
    context: typer.Context,
    name: Name,
    language: Annotated[str, typer.Argument(metavar="CODE", help="A language, such as de or pt-BR.")],
    translated: Annotated[str | None, typer.Argument(metavar="WORD", help="Its name there.")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Take its name in that language away.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Name a tag in a language; it is found by that name too."""
    if (translated is None) != drop:
        raise UsageError("Give the tag's name in that language, or --drop.")
    return _change(context, json, home, lambda connection: edit.translate(connection, name, language, translated))


def language(
    context: typer.Context,
    code: Annotated[str, typer.Argument(metavar="CODE", help="A language, such as de.")],
    source: Annotated[str, typer.Option("--from", metavar="NAME", help=f"One of {', '.join(SOURCES)}.")] = "dictionary",
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where its files are, if not as usual.", show_default=False)
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """Name all tags in a language, as far as a dictionary knows them; names given before stay."""
    with opened(context, home) as collection:
        named, of = fill_language(collection, code, source, folder)
    if json:
        print_json({"language": code, "named": named, "of": of})
    else:
        say(f"Named {named} of {of} tags in {code}.")
    return 0


def threshold(
    context: typer.Context,
    name: Name,
    probability: Annotated[float | None, typer.Argument(metavar="P", help="0 to 1.", show_default=False)] = None,
    own: Annotated[bool, typer.Option("--own", help="Go back to the tag's own threshold.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """Set the probability from which a tag is given; typed and imported tags stay."""
    if (probability is None) != own:
        raise UsageError("Give a probability, or --own.")
    return _change(context, json, home, lambda connection: edit.set_threshold(connection, name, probability))


def _label(
    context: typer.Context,
    change: Callable[..., Tag],
    name: str,
    pictures: list[str],
    verb: str,
    json: bool,
    home: Path | None,
) -> int:
    with opened(context, home) as collection:
        refresh_imported(collection)
        ids = list(dict.fromkeys(picture_id(collection, picture) for picture in pictures))
        with collection.catalog.database.write() as connection:
            tag = change(connection, ids, name)
    if json:
        print_json({"tag": asdict(tag), "pictures": ids})
    else:
        say(f"{', '.join(f'#{id}' for id in ids)} {verb} the tag {tag.name}.")
    return 0


def _change(context: typer.Context, json: bool, home: Path | None, change: Callable[[Any], Tag]) -> int:
    with opened(context, home) as collection:
        refresh_imported(collection)
        with collection.catalog.database.write() as connection:
            tag = change(connection)
    if json:
        print_json({"tag": asdict(tag)})
        return 0
    told = [f"called {name} in {code}" for code, name in sorted(tag.translations.items())]
    told += ["forbidden"] if tag.forbidden else []
    told += [f"given from probability {tag.threshold}"] if tag.threshold is not None else []
    say(f"{tag.name}: {', '.join(told)}." if told else f"{tag.name}.")
    return 0
