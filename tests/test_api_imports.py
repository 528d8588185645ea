"""Who may import whom, and how little `pixloom --help` needs."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import api
from api.cli.packages import check_packages
from indexer.errors import DependencyError

ROOT = Path(api.__file__).parents[1]
ORDER = ("indexer", "search", "tuner", "api")
OWNERS = {
    "torch": ("indexer/encoders/", "tuner/"),
    "open_clip": ("indexer/encoders/clip",),
    "timm": ("indexer/encoders/",),
    "transformers": ("indexer/encoders/", "tuner/diffusion/"),
    "openvino": ("indexer/encoders/", "tuner/networks", "tuner/diffusion/filter"),
    "onnxruntime": ("indexer/encoders/",),
    "faiss": ("indexer/vectors/faiss",),
    "diffusers": ("tuner/",),
    "pyarrow": ("indexer/sources/table",),
    "implicit": ("search/taste/factors",),
    "scipy": ("search/taste/", "tuner/"),
    "cv2": ("tuner/",),
    "skimage": ("tuner/", "api/demo/"),
    "ot": ("tuner/creative/",),
    "spandrel": ("tuner/networks",),
    "huey": ("tuner/jobs/",),
    "c2pa": ("tuner/lineage/c2pa",),
    "matplotlib": ("search/plots",),
    "typer": ("api/cli/",),
    "fastapi": ("api/",),
    "starlette": ("api/",),
    "uvicorn": ("api/cli/serve",),
}
"""Library -> how the paths begin of the files that may import it."""
HEAVY = ("sqlalchemy", "pydantic", "fastapi", "numpy", "PIL", "faiss", "torch", "open_clip")


def sources() -> Iterator[Path]:
    for package in ORDER:
        yield from sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add(node.module or "")
    return found


def test_imports_flow_one_way() -> None:
    for path in sources():
        place = ORDER.index(path.relative_to(ROOT).parts[0])
        for module in imported(path):
            top = module.partition(".")[0]
            assert top not in ORDER or ORDER.index(top) <= place, f"{path} imports {module}"
            assert top not in ("tests", "bench"), f"{path} imports {module}"


def test_libraries_are_imported_by_their_owners_only() -> None:
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        for module in imported(path):
            owners = OWNERS.get(module.partition(".")[0])
            assert owners is None or name.startswith(owners), f"{name} imports {module}"


def test_help_is_quick_and_imports_little() -> None:
    code = (
        "import sys; from api.cli import main; main(['--help']); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    times = []
    for _ in range(3):
        started = time.perf_counter()
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        times.append(time.perf_counter() - started)
        assert process.stderr.strip() == "[]"
    assert min(times) < 0.5


def test_searching_needs_no_model_library_until_there_is_something_to_embed() -> None:
    code = "import sys, api.cli.search, api.app; print([n for n in ('torch', 'open_clip', 'timm') if n in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == "[]"


def test_our_packages_are_ours(tmp_path: Path) -> None:
    check_packages()
    with pytest.raises(DependencyError, match="environment of its own"):
        check_packages(tmp_path)
