"""Pictures that parameters name: they last, and what comes over the network reads no disk."""

import base64
from pathlib import Path

import pytest
from PIL import Image

from indexer.config import Settings
from indexer.errors import NotFoundError, PictureError, UsageError
from tuner.operations import get_operation
from tuner.references import kept_file, picture_id, settled

EXPOSURE = get_operation("double-exposure")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def png(path: Path, colour: str = "red") -> Path:
    Image.new("RGB", (20, 10), colour).save(path)
    return path


@pytest.mark.parametrize(
    ("text", "id"), [("12", 12), ("#12", 12), (" 7 ", 7), ("12.png", None), ("#", None), ("-1", None)]
)
def test_ids(text: str, id: int | None) -> None:
    assert picture_id(text) == id


def test_an_id_stays_an_id_and_other_parameters_are_left_alone(home: Settings) -> None:
    given = {"reference": "12", "mode": "screen"}
    assert settled(EXPOSURE, given, home, files=False) == {"reference": "#12", "mode": "screen"}
    assert settled(get_operation("collage"), {"pictures": ["1", 2]}, home, files=False) == {"pictures": ["#1", "#2"]}


def test_a_file_is_kept_under_its_content_and_outlives_the_original(home: Settings, tmp_path: Path) -> None:
    path = png(tmp_path / "mask.png")
    first = settled(EXPOSURE, {"reference": str(path)}, home, files=True)["reference"]
    again = settled(EXPOSURE, {"reference": first}, home, files=False)["reference"]
    data = path.read_bytes()
    path.unlink()
    assert first == again and first.startswith("kept:")
    kept = kept_file(first, home)
    assert kept is not None and kept.read_bytes() == data


def test_a_data_url_is_kept_too(home: Settings, tmp_path: Path) -> None:
    data = png(tmp_path / "a.png").read_bytes()
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    kept = kept_file(settled(EXPOSURE, {"reference": url}, home, files=False)["reference"], home)
    assert kept is not None and kept.read_bytes() == data


@pytest.mark.parametrize(
    ("reference", "files", "error"),
    [
        ("/etc/hostname", False, UsageError),
        ("../secret.png", False, UsageError),
        ("kept:../../etc/passwd", False, NotFoundError),
        ("kept:" + "0" * 64, False, NotFoundError),
        ("data:image/png;base64,%%%", False, UsageError),
        ("data:image/png;base64,aGVsbG8=", False, PictureError),
        ("no-such-file.png", True, NotFoundError),
        ("/etc/hostname", True, PictureError),
    ],
)
def test_what_is_no_picture_is_refused(home: Settings, reference: str, files: bool, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"reference|kept"):
        settled(EXPOSURE, {"reference": reference}, home, files=files)


def test_other_files_are_named_on_this_machine_only(home: Settings, tmp_path: Path) -> None:
    upscale, weights = get_operation("upscale"), tmp_path / "net.safetensors"
    weights.write_bytes(b"x")
    assert settled(upscale, {"weights": str(weights)}, home, files=True) == {"weights": str(weights)}
    with pytest.raises(UsageError, match="over the network"):
        settled(upscale, {"weights": str(weights)}, home, files=False)
    with pytest.raises(NotFoundError, match="there is no file"):
        settled(upscale, {"weights": str(tmp_path / "none.pth")}, home, files=True)
