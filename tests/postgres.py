"""A PostgreSQL server of its own for the tests, where one is installed: free port, temporary folder."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """The folder that holds initdb and pg_ctl; Debian keeps it off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name.split(".")[0]))
    on_path = [Path(found).parent for name in ("initdb",) if (found := shutil.which(name))]
    complete = [folder for folder in [*reversed(debian), *on_path] if (folder / "pg_ctl").exists()]
    return complete[0] if complete else None


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server's database; the server and its files are gone afterwards."""
    folder = binaries()
    assert folder is not None, "no PostgreSQL is installed"
    # PostgreSQL refuses to run as root: Debian's package brings a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        data.mkdir()
        if user:
            shutil.chown(temporary, user)
            shutil.chown(data, user)
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        _run(user, folder / "initdb", "-D", data, "-U", "pixloom", "-A", "trust", "-E", "UTF8", "--locale=C")
        _run(user, folder / "pg_ctl", "-D", data, "-o", options, "-w", "-l", data / "log", "start")
        try:
            yield f"postgresql+psycopg://pixloom@127.0.0.1:{port}/postgres"
        finally:
            _run(user, folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(user: str | None, *command: object) -> None:
    same = user is None or user == getpass.getuser()
    arguments = list(map(str, command)) if same else ["runuser", "-u", str(user), "--", *map(str, command)]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
