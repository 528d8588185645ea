"""`pixloom train guided` and `train joint`, as a user calls them, over the embedded encoder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api.cli import main

QUICK = ["--epochs", "1", "--batch", "8", "--sides", "16", "--variants", "1", "--holdout", "0.2"]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory, embedded_models: Path) -> Path:
    """Folders of pictures, one of them of pairs, and a home."""
    folder = tmp_path_factory.mktemp("user")
    for number in range(12):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        clean = coarse.resize((72, 64), Image.Resampling.BICUBIC)
        for part, image in (("clean", clean), ("pairs/after", clean), ("pairs/before", clean.point(lambda v: v // 2))):
            (folder / part).mkdir(parents=True, exist_ok=True)
            image.save(folder / part / f"{number}.png")
    (folder / "home/models").mkdir(parents=True)
    for exported in embedded_models.glob("embedded-*"):
        (folder / "home/models" / exported.name).symlink_to(exported)
    return folder


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_train_then_list_then_tune(user: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = ["--home", str(user / "home")]
    command = ["train", "guided", "--pairs", str(user / "pairs"), "--encoder", "embedded", *QUICK]
    assert main([*command, "--loss", "perceptual=0.1", "--name", "mine", "--json", *home]) == 0
    answer = told(capsys)
    assert answer["guide"] == "mine" and answer["examples"] == 12 and answer["side"] is None
    assert answer["recipe"]["losses"]["perceptual"] == 0.1
    assert set(answer["held_out"]) == {"before", "after"}
    assert sorted(path.name for path in Path(answer["folder"]).iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert main(["models", "--json", *home]) == 0
    (spec,) = [spec for spec in told(capsys)["models"] if spec["name"] == "guide:mine"]
    assert (spec["task"], spec["here"], spec["origin"]) == ("guided", "yes", "trained")
    assert main(["index", str(user / "clean"), "--encoder", "embedded", "--json", *home]) == 0
    capsys.readouterr()
    assert main(["tune", "guided", "1", "-p", "guide=mine", "-o", str(tmp_path), "--json", *home]) == 0
    (result,) = told(capsys)["results"]
    with Image.open(result["path"]) as made:
        assert made.size == (72, 64)


def test_joint_learns_the_encoder_along_and_goes_on_from_a_guide(
    user: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    home = ["--home", str(user / "home")]
    data = ["--degrade", "underexposed,cast", "--pictures", str(user / "clean"), "--encoder", "embedded", *QUICK]
    assert main(["train", "guided", *data, "--out", str(tmp_path / "first"), "--json", *home]) == 0
    first = told(capsys)
    assert first["data"] == "clean, spoilt here (underexposed, cast)"
    command = ["train", "joint", *data, "--rank", "2", "--looks", "64", "--begin", str(tmp_path / "first")]
    assert main([*command, "--out", str(tmp_path / "joint"), "--json", *home]) == 0
    joint = told(capsys)
    assert joint["side"] == 64 and joint["recipe"]["unlock"] == "adapters"
    assert main(["tune", "guided", str(user / "clean/3.png"), "-p", f"guide={tmp_path / 'joint'}", "-o",
                 str(tmp_path / "made"), "--json", *home]) == 0  # fmt: skip
    assert told(capsys)["state"] == "done"
    (user / "clean/bad.png").write_bytes(b"no picture")
    try:
        assert main(["train", "guided", *data, "--out", str(tmp_path / "some"), "--json", *home]) == 1
        assert [Path(one["path"]).name for one in told(capsys)["failed"]] == ["bad.png"]
    finally:
        (user / "clean/bad.png").unlink()


def test_what_is_refused(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(user / "home")]
    pairs, clean = ["--pairs", str(user / "pairs")], ["--degrade", "all", "--pictures", str(user / "clean")]
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    for words, reason in (
        (["guided"], "--pairs DIR, or --degrade KINDS"),
        (["guided", *pairs, "--degrade", "all"], "--pairs DIR, or --degrade KINDS"),
        (["guided", *pairs, "--split", "train"], "go with --degrade"),
        (["guided", "--pairs", str(user / "clean")], "at least 5 are needed"),
        (["guided", "--degrade", "fog", "--pictures", str(user / "clean")], "Valid: all, haze"),
        (["guided", "--degrade", "all", "--pictures", str(tmp_path / "none")], "no folder or data set"),
        (["guided", *clean, "--out", str(tmp_path / "full")], "holds something already"),
        (["guided", *clean, "--loss", "beauty=1"], "fidelity, l1"),
        (["guided", *clean, "--loss", "l1=lots"], "weight is a number"),
        (["guided", *clean, "--loss", "fidelity=0", "--loss", "l1=0"], "compares with the truth"),
        (["guided", "--degrade", "all", "--pictures", str(user / "clean/0.png")], "is one picture"),
        (["guided", *clean, "--sides", "big"], "whole numbers"),
        (["joint", *clean, "--unlock", "some"], "adapters, last, all"),
        (["joint", *clean, "--begin", "nothing"], "no guide in"),
    ):
        assert main(["train", *words, "--encoder", "embedded", *home]) == 2, words
        assert reason in capsys.readouterr().err, words
