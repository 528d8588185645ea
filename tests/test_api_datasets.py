"""`pixloom import` and `pixloom evaluate` on data sets, and what HTTP shows of them; with the toy encoder."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.cli import main
from indexer.collection import Collection
from indexer.config import Settings
from tests.datasets import celeba, coco, imagenet, paint, write
from tests.homes import toy_load


class Shell:
    """Runs command lines over one home."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys

    def run(self, *args: object) -> tuple[int, str, str]:
        code = main([*map(str, args), "--home", str(self.home)], load=toy_load)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def found(self, *args: object) -> dict[str, Any]:
        code, out, _ = self.run(*args, "--json")
        assert code == 0
        answer: dict[str, Any] = json.loads(out)
        return answer


@pytest.fixture
def shell(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(settings.home, capsys)


def test_import_tells_what_it_did(shell: Shell, tmp_path: Path) -> None:
    coco(tmp_path)
    (tmp_path / "val2017/000000000002.jpg").unlink()
    told = shell.found("import", "coco", tmp_path)
    assert told["problems"]["counts"] == {"missing": 1, "uncaptioned": 1}
    assert told["problems"]["listed"][0] == {
        "kind": "missing",
        "where": "captions_val2017.json images[1]",
        "what": f"there is no picture 000000000002.jpg in {tmp_path / 'val2017'}",
    }
    expected = {"format": "coco", "pictures": 2, "captions": 2, "boxes": 2, "labels": 0, "attributes": 0, "failed": []}
    assert expected.items() <= told.items()
    assert (told["encoder"], told["splits"], told["interrupted"]) == ("toy", {"val2017": 2}, False)
    code, out, _ = shell.run("import", "auto", tmp_path)
    assert code == 0
    assert "pictures 2, captions 2" in out and "missing: 1\n  captions_val2017.json images[1]" in out
    assert f"data set  coco {tmp_path} (2 pictures)" in shell.run("status")[1]
    assert shell.found("status")["sources"][0]["pictures"] == 2
    assert shell.run("index")[0] == 0, "the pictures are looked at again, though no folder was named"


def test_import_of_pictures_that_cannot_be_read(shell: Shell, tmp_path: Path) -> None:
    good, bad = paint(tmp_path, ["a.png", "b.png"])
    bad.write_bytes(b"no picture")
    write(tmp_path / "t.csv", "image,caption\na.png,x\nb.png,y\n")
    code, out, _ = shell.run("import", "csv", tmp_path / "t.csv", "--json")
    assert code == 1
    (failure,) = json.loads(out)["failed"]
    assert failure["path"] == str(bad) and failure["reason"]
    code, out, _ = shell.run("import", "csv", tmp_path / "t.csv")
    assert code == 1 and str(bad) in out and str(good) not in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("voc", "."), "choose one of coco, imagenet"),
        (("csv", "none.csv"), "no file or folder"),
        (("csv", "t.csv"), "its columns are 'sku', 'who'"),
        (("csv", "t.csv", "--column-image", "x"), "no column 'x'"),
        (("csv", "t.csv", "--column-image", "sku", "--images", "nowhere"), "nowhere"),
        (("csv", "t.csv", "--column-image", "sku", "--encoding", "klingon"), "klingon"),
        (("coco", "."), "captions_*.json"),
    ],
)
def test_refusals_leave_nothing(shell: Shell, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    paint(tmp_path / "data", ["a.png"])
    write(tmp_path / "data/t.csv", "sku,who\na.png,me\n")
    format, path, *rest = args
    options = [tmp_path / "data" / one if one == "nowhere" else one for one in rest]
    code, _, err = shell.run("import", format, tmp_path / "data" / path, *options)
    assert code == 2 and said in err
    assert shell.found("status")["pictures"] == 0


def test_http_shows_what_data_sets_say(settings: Settings, shell: Shell, tmp_path: Path) -> None:
    coco(tmp_path / "coco")
    shell.found("import", "coco", tmp_path / "coco")
    shell.found("import", "celeba", celeba(tmp_path / "celeba"))
    shell.found("import", "imagenet", imagenet(tmp_path / "imagenet"))
    with Collection(settings, toy_load) as collection:
        names = ("coco/val2017/000000000002.jpg", "celeba/img_align_celeba/000003.jpg")
        boxed, face = (collection.catalog.find(path=tmp_path / name) for name in names)
    with TestClient(create_app(settings, toy_load)) as client:
        told = client.get(f"/v1/pictures/{boxed}").json()
        assert told["boxes"] == [{"name": "person", "box": [3.0, 4.0, 5.0, 6.0], "supercategory": "person"}]
        assert told["sources"] == [{"format": "coco", "path": str(tmp_path / "coco"), "split": "val2017"}]
        assert told["captions"] == [{"text": "A dog.", "language": "en"}]
        told = client.get(f"/v1/pictures/{face}").json()
        assert told["attributes"]["Smiling"] is True and told["sources"][0]["split"] == "test"
        assert [one["format"] for one in client.get("/v1/status").json()["sources"]] == ["coco", "celeba", "imagenet"]


def test_evaluate_each_format_and_plot(shell: Shell, tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    assert shell.found("evaluate", "captions", coco(tmp_path / "coco"), "--plot", plot)["captions"] == 3
    assert shell.found("evaluate", "labels", tmp_path / "coco", "--plot", plot)["classes"] == 2
    assert shell.found("evaluate", "labels", celeba(tmp_path / "celeba"), "--plot", plot)["classes"] == 40
    assert (
        shell.found("evaluate", "labels", imagenet(tmp_path / "i"), "--split", "val", "--plot", plot)["pictures"] == 2
    )
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG"
    paint(tmp_path, ["red.png", "blue.png"])
    table = write(tmp_path / "t.csv", "file,says\nred.png,red\nblue.png,blue\ngone.png,x\n")
    code, out, _ = shell.run("evaluate", "captions", table, "--column-caption", "says", "--plot", plot)
    assert code == 1 and "text to picture recall@1" in out and "gone.png" in out
    assert shell.run("evaluate", "captions", table, "--plot", tmp_path / "plot.pdf")[0] == 2
    code, _, err = shell.run("evaluate", "captions", table)
    assert code == 2 and "--column-caption" in err
    assert shell.run("evaluate", "labels", table, "--format", "voc")[0] == 2
