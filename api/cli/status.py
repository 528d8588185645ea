"""`pixloom status`."""

from pathlib import Path

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(context: typer.Context, json: Json = False, home: Home = None) -> int:
    """Say what the collection holds, and list the files that couldn't be read."""
    with opened(context, home) as collection:
        found = collection.status()
        if json:
            print_json(found)
            return 0
        index, failed = found["index"], found["failed"]
        say(f"home      {collection.settings.home}")
        for folder in found["folders"]:
            say(f"folder    {folder}{'' if Path(folder).exists() else ' (not there now)'}")
        for source in found["sources"]:
            say(f"data set  {source['format']} {source['path']} ({source['pictures']} pictures)")
        say(f"encoder   {found['encoder'] or 'none yet: begin with `pixloom index ~/Pictures`'}")
        if found["previous"]:
            say(f"previous  {found['previous']} (`pixloom models rollback` goes back to it)")
        if building := found["building"]:
            far = f"{building['pictures']} of {building['of']} pictures"
            say(f"building  {building['encoder']}: {far} (`pixloom models switch {building['encoder']}` goes on)")
        say(f"pictures  {found['pictures']} in {found['files']} files")
        size = f" of {index['dimension']} numbers, {index['bytes'] / 2**20:.1f} MiB" if index["vectors"] else ""
        say(f"index     {index['vectors']} vectors{size}")
        say(f"pending   {found['pending']}")
        say(f"ignored   {found['ignored']} files that aren't pictures")
        say(f"failed    {len(failed)}")
        for failure in failed:
            say(f"  {failure['path']}: {failure['reason']}")
        note(collection.notice(found["encoder"]) if found["encoder"] else None)
    return 0
