"""The pictures of a data set: from the name that a record has for one to its file."""

import os
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from indexer.errors import UsageError
from indexer.images import is_picture_name
from indexer.sources.problems import Kind, Problems

Names = defaultdict[str, list[str]]


class Pictures:
    """Files below one folder, found by name; what isn't found is listed as a problem."""

    def __init__(self, folder: Path, problems: Problems, *, dedicated: bool) -> None:
        """`dedicated` says that the folder is there for this data set, so that what lies in it unnamed counts."""
        self.folder, self.problems, self.dedicated = Path(os.path.abspath(folder)), problems, dedicated  # noqa: PTH100
        self.named: set[str] = set()

    def find(self, name: str, where: str, *, wanted: bool = True) -> Path | None:
        """The file that `name` stands for: a path relative to the folder or absolute, also one that was made
        elsewhere; a base name of a file in some folder below, with or without its suffix; an address that
        ends in it. None, with a problem where the picture is `wanted`, where there is none.

        Raises UsageError where two files bear the name.
        """
        found = self._look(name, where)
        if found is not None:
            self.named.add(str(found))
        elif wanted:
            self.problems.add(Kind.MISSING, where, f"there is no picture {name} in {self.folder}")
        return found

    def has(self, name: str) -> bool:
        """Whether some file bears the name; nothing is said, and it still counts as unnamed."""
        try:
            return self._look(name, "") is not None
        except UsageError:
            return True

    def _look(self, name: str, where: str) -> Path | None:
        name = _without_address(name.strip())
        for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
            found = self._by_path(spelling) or self._by_name(spelling, where)
            if found is not None:
                return Path(found)
        return None

    def note_unnamed(self) -> None:
        """List the pictures of the folder that were never asked for."""
        if self.dedicated:
            for path in (path for paths in self._index[0].values() for path in paths if path not in self.named):
                self.problems.add(Kind.UNNAMED, path, "the data say nothing of this picture")

    def _by_path(self, name: str) -> str | None:
        parts = PurePosixPath(name).parts
        for start, part in enumerate(parts):
            path = os.path.normpath(self.folder.joinpath(*parts[start:]))
            if os.path.isfile(path):  # noqa: PTH113 - unlike Path's, it takes any name
                return path
            # A leading folder may be of another machine; one that is here means what it says.
            if part != "/" and os.path.isdir(self.folder / part):  # noqa: PTH112
                return None
        return None

    def _by_name(self, name: str, where: str) -> str | None:
        if not name or "/" in name:
            return None
        names, stems = self._index
        found = names.get(name.casefold()) or stems.get(_stem(name.casefold()), [])
        if len(found) > 1:
            raise UsageError(
                f"{where}: {name} may be {found[0]} or {found[1]}: write the folder into the name, or name one "
                "folder with --images."
            )
        return found[0] if found else None

    @cached_property
    def _index(self) -> tuple[Names, Names]:
        """Pictures below the folder by their names in small letters, with and without the suffix."""
        names, stems = Names(list), Names(list)
        for folder, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if is_picture_name(name) and not name.startswith("."):
                    path = os.path.join(folder, name)  # noqa: PTH118 - called for every file
                    names[name.casefold()].append(path)
                    stems[_stem(name.casefold())].append(path)
        return names, stems


def _without_address(name: str) -> str:
    if "://" not in name:
        return name
    try:
        return PurePosixPath(unquote(urlsplit(name).path)).name
    except ValueError:
        return ""


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122 - called for every file
