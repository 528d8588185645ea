"""`pixloom train lit`, as a user calls it, over the embedded encoder."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from indexer.encoders.checkpoint import CONFIG, WEIGHTS
from tests.toys import COLOURS, picture

QUICK = ["--epochs", "2", "--batch", "32", "--dimension", "16"]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory, embedded_models: Path) -> Path:
    """A folder with 66 pictures, each with a caption beside it, a data set of them, and a home."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "pictures").mkdir()
    lines = []
    for one, other in itertools.islice(itertools.combinations(COLOURS, 2), 66):
        image = picture(one, (64, 64))
        image.paste(picture(other, (32, 64)))
        name = f"{one}-{other}"
        image.save(folder / f"pictures/{name}.png")
        (folder / f"pictures/{name}.txt").write_text(f"a {one} and {other} thing")
        lines.append({"image": f"{name}.png", "captions": [f"a {one} and {other} thing"], "split": "train"})
    lines.append({"image": "gone.png", "captions": ["nothing"], "split": "train"})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "home/models").mkdir(parents=True)
    for exported in embedded_models.glob("embedded-*"):
        (folder / "home/models" / exported.name).symlink_to(exported)
    return folder


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_train_then_index_search_and_list(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(user / "home")]
    data = ["--captions", str(user / "captions.jsonl"), "--images", str(user / "pictures"), "--split", "train"]
    assert main(["train", "lit", *data, "--encoder", "embedded", "--name", "mine", *QUICK, "--json", *home]) == 0
    answer = told(capsys)
    assert answer["encoder"] == "lit:mine" and answer["pictures"] + answer["held_out_pictures"] == 66
    assert answer["problems"]["counts"] == {"missing": 1}
    assert set(answer["held_out"]) == {"before", "trained part alone", "trained"}
    assert answer["recipe"]["epochs"] == 2 and answer["terms"] == "not stated"
    folder = Path(answer["folder"])
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", CONFIG, WEIGHTS]
    assert main(["index", str(user / "pictures"), "--encoder", "lit:mine", "--json", *home]) == 0
    assert told(capsys)["encoder"] == "lit:mine"
    assert main(["search", "a red and green thing", "--json", *home]) == 0
    found = told(capsys)
    assert found["encoder"] == "lit:mine" and found["notice"], "it is as limited as the encoder it was made of"
    assert main(["models", "--json", *home]) == 0
    (spec,) = [spec for spec in told(capsys)["models"] if spec["name"] == "lit:mine"]
    assert spec["active"] and spec["here"] == "yes" and spec["origin"] == "trained"
    # The captions that the collection has of itself, over the base of the encoder that made the index.
    assert main(["train", "lit", "--from-catalog", "--name", "again", *QUICK, *home]) == 0
    assert "pixloom models switch lit:again" in capsys.readouterr().out


def test_what_is_refused(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(user / "home")]
    data = ["--captions", str(user / "captions.jsonl"), "--images", str(user / "pictures"), "--encoder", "embedded"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    few = tmp_path / "few.jsonl"
    few.write_text((user / "captions.jsonl").read_text().splitlines()[0])
    folders = ["--captions", str(user / "pictures")]
    for words, reason in (
        (["--encoder", "embedded"], "--captions FILE, or --from-catalog"),
        ([*data, "--from-catalog"], "--captions FILE, or --from-catalog"),
        (["--from-catalog", "--split", "train"], "go with --captions"),
        ([*data, "--name", "a/b"], "choose one that a folder can have"),
        ([*data, "--out", str(tmp_path / "full")], "holds something already"),
        ([*data, "--split", "nowhere"], "has no split 'nowhere'"),
        ([*data, "--language", "de"], "too few to train on"),
        (["--captions", str(few), *data[2:]], "1 pictures with captions are too few"),
        (["--captions", str(tmp_path / "none.jsonl")], "There is no file or folder"),
        (folders, ""),
        ([*data[:4], "--encoder", "nonsense"], "There is no encoder 'nonsense'"),
    ):
        assert main(["train", "lit", *words, *QUICK, *home]) == 2, words
        assert reason in capsys.readouterr().err
    assert not list((user / "home/models").glob(".*-*")), "nothing half-written"
