"""Makes sure that `indexer`, `search`, `tuner` and `api` are Pixloom's own: the names are common ones."""

import hashlib
from base64 import urlsafe_b64encode
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from indexer.errors import DependencyError

PACKAGES = ("indexer", "search", "tuner", "api")
_ROOT = Path(__file__).parents[2]
_REMEDY = "install Pixloom into an environment of its own (`python -m venv`), and run it from another folder."


def check_packages(root: Path = _ROOT) -> None:
    """Raise DependencyError where another program's package stands in the place of one of ours.

    Asking `importlib.metadata.packages_distributions()` who owns the names would take .4 s in a full
    environment; this asks where Python finds them, and whether they still are what was installed.
    """
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).parent != root / name:
            found = spec.origin if spec else "nowhere"
            raise DependencyError(f"Python finds the package {name!r} at {found}, not in {root}: {_REMEDY}")
    try:
        installed = distribution("pixloom")
    except PackageNotFoundError:
        return  # run from a clone
    replaced = _replaced(installed, root)
    if replaced:
        raise DependencyError(f"Another program has replaced {', '.join(replaced)}: {_REMEDY}")


def _replaced(installed: Distribution, root: Path) -> list[str]:
    """Our packages' first files that differ from the record of the installation."""
    wanted = {f"{name}/__init__.py" for name in PACKAGES}
    changed = []
    for file in installed.files or ():
        path = Path(str(file.locate()))
        if str(file) in wanted and file.hash is not None and path.parent.parent == root:
            digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
            if urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
                changed.append(str(path))
    return changed
