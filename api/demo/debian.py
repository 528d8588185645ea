"""Photographs that Debian packages: fetched and unpacked by its own tools, without root."""

import shutil
import subprocess
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from api.demo.once import once

PACKAGES = {
    "tuxpaint-stamps-default": ("./usr/share/tuxpaint/stamps/", "785 cut-outs with captions in 66 languages, 161 MB"),
    "lomiri-wallpapers-20.04": ("./usr/share/backgrounds/", "4 photographs, 11 MB"),
}
"""Package -> the folder of its pictures, and what a user is told of it."""
_KEPT = (".png", ".jpg", ".txt")
"""Of a package: pictures and their captions (and its copyright); sounds and drawings are left."""
_SECONDS = 150
"""For one package; a slow line must not hold up a first look."""


def gather(folder: Path, say: Callable[[str], None]) -> None:
    """Unpack each package into `folder`, unless it is there; `say` gets a sentence for one that can't be had."""
    missing = [name for name in PACKAGES if not (folder / name).exists()]
    if missing and not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        say("Left out: Debian's packages of photographs, which need apt-get and dpkg-deb.")
        return
    for name in missing:
        say(f"Fetching Debian's {name} ({PACKAGES[name][1]}) ...")
        try:
            once(folder / name, partial(_fetch, name))
        except (subprocess.SubprocessError, tarfile.TarError) as error:
            say(f"Left out: {name}, which can't be fetched: {_reason(error)}.")


def _fetch(package: str, folder: Path) -> None:
    with TemporaryDirectory(dir=folder) as temporary:
        # Root would make apt change to a user who can't write here, and warn.
        options = ("-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=15")
        command = ("apt-get", "download", "-qq", *options, package)
        subprocess.run(command, cwd=temporary, check=True, capture_output=True, text=True, timeout=_SECONDS)
        for archive in Path(temporary).glob("*.deb"):
            _unpack(archive, PACKAGES[package][0], folder)


def _unpack(archive: Path, inside: str, folder: Path) -> None:
    """Take pictures and captions out of a package, without the folders around them."""
    command = ("dpkg-deb", "--fsys-tarfile", str(archive))
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as members,
    ):
        for member in members:
            name = _kept_name(member.name, inside)
            file = members.extractfile(member) if name else None
            if name and file:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read())
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _kept_name(name: str, inside: str) -> PurePosixPath | None:
    """Where a file of a package goes; None for what is left out, and for what would go elsewhere."""
    path = PurePosixPath(name.removeprefix(inside))
    if path.name == "copyright":
        return PurePosixPath("copyright")
    wanted = name.startswith(inside) and path.suffix in _KEPT and ".." not in path.parts
    return path if wanted else None


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {error.timeout:.0f} s"
    lines = str(getattr(error, "stderr", None) or "").strip().splitlines()
    told = lines[-1].removeprefix("E: ").rstrip(".") if lines else "it could not be unpacked"
    return f"{told} (`apt-get update` may help)"
