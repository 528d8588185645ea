from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.errors import DependencyError, UsageError
from search.plots import check_plot, plot

CURVE = {"curve": {"k": [1, 5, 10], "text_to_picture": [0.1, 0.3, 0.5], "picture_to_text": [0.2, 0.2, 0.9]}}


def labels(count: int, **changes: Any) -> dict[str, Any]:
    classes = [{"name": f"class {n} $x_ 犬", "average_precision": n / count, "share": 0.1} for n in range(count)]
    bins = [{"confidence": 0.2, "accuracy": 0.3, "pictures": 5}, {"confidence": 0.9, "accuracy": 0.8, "pictures": 50}]
    return {"per_class": classes, "reliability": bins, "map": 0.5, "accuracy": 0.7, "ece": 0.1} | changes


@pytest.mark.parametrize(
    "figures",
    [CURVE, labels(3), labels(200), labels(40, reliability=[], accuracy=None, ece=None)],
    ids=["captions", "labels", "many", "attributes"],
)
def test_plots_are_pictures_with_something_on_them(tmp_path: Path, figures: dict[str, Any]) -> None:
    plot(figures, tmp_path / "plot.png", "toy on pets: 3 pictures")
    with Image.open(tmp_path / "plot.png") as drawn:
        assert drawn.format == "PNG" and min(drawn.size) > 400
        colours = drawn.convert("RGB").getcolors(1 << 20)
    assert colours is not None and {(47, 109, 179), (217, 119, 43)} <= {colour for _, colour in colours}
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]


def test_refusals_come_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_plot(tmp_path / "a.PNG")
    with pytest.raises(UsageError, match=r"ends in \.png"):
        check_plot(tmp_path / "a.pdf")
    with pytest.raises(UsageError, match="no folder"):
        check_plot(tmp_path / "none/a.png")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"pip install 'pixloom\[plots\]'"):
        check_plot(tmp_path / "a.png")
